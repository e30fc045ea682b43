"""Integrated Feature Analysis: which features and image regions carry a decision.

The estimator, and what it measures.
"""
