"""Does a neural network use the metadata that its embeddings encode?"""

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
from sklearn_wsca._version import __version__
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
