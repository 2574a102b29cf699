"""The H3 grid, neighbours and geometry: pure functions on arrays."""
