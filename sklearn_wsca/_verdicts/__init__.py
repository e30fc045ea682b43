"""Verdicts: one word per column, when it is given, and what is said of it."""
