"""The made city."""
