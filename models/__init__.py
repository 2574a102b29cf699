"""Statistics: pure functions on arrays, no I/O, clock, log or settings."""
