"""The parts of the HTTP API, one file each."""
