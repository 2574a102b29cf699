"""One reader per family of file formats."""
