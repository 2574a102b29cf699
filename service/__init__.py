"""The doors (HTTP, command line) and the use cases behind them."""
