"""Encoding: can a probe predict the column on held-out rows?

Measure (`skill`), null and inference.
"""
