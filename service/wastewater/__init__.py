"""Rows of samples as series on their sewersheds: what `surveillance` judges."""
