"""Batched linear algebra: principal subspace, ridge and logistic fits.

Knows no metadata.
"""
