"""Erasure: what is left when a column is removed from the embeddings?

The map, the cross-check of a head, and the transformer.
"""
