"""Rows of coverage as places with counts, and these on cells: what `gaps` tests."""
