"""Does a neural network use the metadata that its embeddings encode?"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sklearn_wsca._version import __version__

if TYPE_CHECKING:
    from sklearn_wsca._alignment import weight_space_correlation
    from sklearn_wsca._displays import (
        ActivationMapDisplay,
        AlignmentDisplay,
        ComponentSensitivityDisplay,
        ConsistencyDisplay,
        FeatureImportanceDisplay,
        NullDistributionDisplay,
        UtilizationDisplay,
    )
    from sklearn_wsca._feature_analysis import IntegratedFeatureAnalysis
    from sklearn_wsca._heads import Head
    from sklearn_wsca._map_evaluation import evaluate_activation_maps
    from sklearn_wsca._metadata_eraser import MetadataEraser
    from sklearn_wsca._utilization_test import UtilizationResult, utilization_test
    from sklearn_wsca._weight_space_correlation import WeightSpaceCorrelation

__all__ = [
    "ActivationMapDisplay",
    "AlignmentDisplay",
    "ComponentSensitivityDisplay",
    "ConsistencyDisplay",
    "FeatureImportanceDisplay",
    "Head",
    "IntegratedFeatureAnalysis",
    "MetadataEraser",
    "NullDistributionDisplay",
    "UtilizationDisplay",
    "UtilizationResult",
    "WeightSpaceCorrelation",
    "__version__",
    "evaluate_activation_maps",
    "utilization_test",
    "weight_space_correlation",
]

# Imported when first asked for: those who need one estimator do not wait for all.
_MODULES = {
    "ActivationMapDisplay": "_displays",
    "AlignmentDisplay": "_displays",
    "ComponentSensitivityDisplay": "_displays",
    "ConsistencyDisplay": "_displays",
    "FeatureImportanceDisplay": "_displays",
    "Head": "_heads",
    "IntegratedFeatureAnalysis": "_feature_analysis",
    "MetadataEraser": "_metadata_eraser",
    "NullDistributionDisplay": "_displays",
    "UtilizationDisplay": "_displays",
    "UtilizationResult": "_utilization_test",
    "WeightSpaceCorrelation": "_weight_space_correlation",
    "evaluate_activation_maps": "_map_evaluation",
    "utilization_test": "_utilization_test",
    "weight_space_correlation": "_alignment",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
