"""Linear heads: read from users, fitted to columns, balanced and scored.

A task is a column with its head.
"""
