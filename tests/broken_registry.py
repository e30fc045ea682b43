"""All broken files: what is wrong with each, and what its error must say."""

import broken_arrays
import broken_pairs
import broken_tables
from broken_files import REGISTRY

__all__ = ["REGISTRY", "broken_arrays", "broken_pairs", "broken_tables"]
