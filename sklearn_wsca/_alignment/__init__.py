"""Alignment: do two heads read the same directions?

Measure (`metrics`), nulls, inference and reliability.
"""
