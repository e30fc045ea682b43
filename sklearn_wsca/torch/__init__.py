"""Embeddings, maps, contributions and heads of trained torch models."""

try:
    import torch  # noqa: F401
except ImportError as error:
    raise ImportError(
        'sklearn_wsca.torch needs torch: pip install ".[torch]"'
    ) from error

from sklearn_wsca.torch._activation_maps import extract_activation_maps
from sklearn_wsca.torch._contributions import extract_contributions
from sklearn_wsca.torch._extraction import extract_embeddings, extract_feature_maps
from sklearn_wsca.torch._head import head_from_module
from sklearn_wsca.torch._interventions import extract_under
from sklearn_wsca.torch._randomised import randomise_weights

__all__ = [
    "extract_activation_maps",
    "extract_contributions",
    "extract_embeddings",
    "extract_feature_maps",
    "extract_under",
    "head_from_module",
    "randomise_weights",
]
