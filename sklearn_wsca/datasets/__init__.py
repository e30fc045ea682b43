"""Embeddings with metadata and trained heads, real and with a known answer."""

from sklearn_wsca.datasets._shipped import (
    load_heart_hospitals,
    load_sentiment_sources,
)
from sklearn_wsca.datasets._synthetic import make_shortcut

__all__ = ["load_heart_hospitals", "load_sentiment_sources", "make_shortcut"]
