"""The analyses: load → grid → model → findings, one room per method. No HTTP here, and no SQL."""
