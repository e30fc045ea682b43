"""Embeddings with metadata and trained heads, real and with a known answer."""

from sklearn_wsca.datasets._scanner_digits import make_scanner_digits
from sklearn_wsca.datasets._shipped import load_heart_hospitals, load_sentiment_sources
from sklearn_wsca.datasets._synthetic import make_shortcut

__all__ = [
    "load_heart_hospitals",
    "load_sentiment_sources",
    "make_scanner_digits",
    "make_shortcut",
]
