"""All broken files: what is wrong with each, and what its error must say."""

from tests import broken_arrays, broken_pairs, broken_tables
from tests.broken_files import REGISTRY

__all__ = ["REGISTRY", "broken_arrays", "broken_pairs", "broken_tables"]
