"""Does a neural network use the metadata that its embeddings encode?"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sklearn_wsca._version import __version__

if TYPE_CHECKING:
    from sklearn_wsca._alignment.metrics import weight_space_correlation
    from sklearn_wsca._alignment.row_pairs import reference_cosines
    from sklearn_wsca._comparison.from_outputs import compare_utilization
    from sklearn_wsca._comparison.result import UtilizationComparison
    from sklearn_wsca._displays.activation_map import ActivationMapDisplay
    from sklearn_wsca._displays.alignment import AlignmentDisplay
    from sklearn_wsca._displays.bland_altman import BlandAltmanDisplay
    from sklearn_wsca._displays.component_sensitivity import ComponentSensitivityDisplay
    from sklearn_wsca._displays.consistency import ConsistencyDisplay
    from sklearn_wsca._displays.feature_importance import FeatureImportanceDisplay
    from sklearn_wsca._displays.null_distribution import NullDistributionDisplay
    from sklearn_wsca._displays.utilization import UtilizationDisplay
    from sklearn_wsca._erasure.metadata_eraser import MetadataEraser
    from sklearn_wsca._features.common_scale import CommonScale
    from sklearn_wsca._features.integrated_feature_analysis import (
        IntegratedFeatureAnalysis,
    )
    from sklearn_wsca._features.map_evaluation import evaluate_activation_maps
    from sklearn_wsca._features.masking import accuracy_after_masking
    from sklearn_wsca._features.weight_randomisation import (
        WeightRandomisationResult,
        weight_randomisation_test,
    )
    from sklearn_wsca._heads.head import Head
    from sklearn_wsca._interventions.from_outputs import intervention_test
    from sklearn_wsca._interventions.result import InterventionResult
    from sklearn_wsca._networks.result import NetworkSpread
    from sklearn_wsca._networks.spread import network_spread
    from sklearn_wsca._performance.from_outputs import performance_test
    from sklearn_wsca._performance.result import PerformanceResult
    from sklearn_wsca._progress import show_progress
    from sklearn_wsca._repair.held_out import repair_test
    from sklearn_wsca._repair.result import RepairResult
    from sklearn_wsca._screening.from_table import screen_metadata
    from sklearn_wsca._screening.result import MetadataScreen
    from sklearn_wsca._utilization.from_outputs import (
        UtilizationResult,
        utilization_test,
    )
    from sklearn_wsca._weight_space_correlation import WeightSpaceCorrelation

__all__ = [
    "ActivationMapDisplay",
    "AlignmentDisplay",
    "BlandAltmanDisplay",
    "CommonScale",
    "ComponentSensitivityDisplay",
    "ConsistencyDisplay",
    "FeatureImportanceDisplay",
    "Head",
    "IntegratedFeatureAnalysis",
    "InterventionResult",
    "MetadataEraser",
    "MetadataScreen",
    "NetworkSpread",
    "NullDistributionDisplay",
    "PerformanceResult",
    "RepairResult",
    "UtilizationComparison",
    "UtilizationDisplay",
    "UtilizationResult",
    "WeightRandomisationResult",
    "WeightSpaceCorrelation",
    "__version__",
    "accuracy_after_masking",
    "compare_utilization",
    "evaluate_activation_maps",
    "intervention_test",
    "network_spread",
    "performance_test",
    "reference_cosines",
    "repair_test",
    "screen_metadata",
    "show_progress",
    "utilization_test",
    "weight_randomisation_test",
    "weight_space_correlation",
]

# Imported when first asked for: those who need one estimator do not wait for all.
_MODULES = {
    "ActivationMapDisplay": "_displays.activation_map",
    "AlignmentDisplay": "_displays.alignment",
    "BlandAltmanDisplay": "_displays.bland_altman",
    "CommonScale": "_features.common_scale",
    "ComponentSensitivityDisplay": "_displays.component_sensitivity",
    "ConsistencyDisplay": "_displays.consistency",
    "FeatureImportanceDisplay": "_displays.feature_importance",
    "Head": "_heads.head",
    "IntegratedFeatureAnalysis": "_features.integrated_feature_analysis",
    "InterventionResult": "_interventions.result",
    "MetadataEraser": "_erasure.metadata_eraser",
    "NetworkSpread": "_networks.result",
    "MetadataScreen": "_screening.result",
    "NullDistributionDisplay": "_displays.null_distribution",
    "PerformanceResult": "_performance.result",
    "RepairResult": "_repair.result",
    "UtilizationComparison": "_comparison.result",
    "UtilizationDisplay": "_displays.utilization",
    "UtilizationResult": "_utilization.from_outputs",
    "WeightRandomisationResult": "_features.weight_randomisation",
    "WeightSpaceCorrelation": "_weight_space_correlation",
    "compare_utilization": "_comparison.from_outputs",
    "accuracy_after_masking": "_features.masking",
    "evaluate_activation_maps": "_features.map_evaluation",
    "intervention_test": "_interventions.from_outputs",
    "network_spread": "_networks.spread",
    "performance_test": "_performance.from_outputs",
    "reference_cosines": "_alignment.row_pairs",
    "repair_test": "_repair.held_out",
    "screen_metadata": "_screening.from_table",
    "show_progress": "_progress",
    "utilization_test": "_utilization.from_outputs",
    "weight_randomisation_test": "_features.weight_randomisation",
    "weight_space_correlation": "_alignment.metrics",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
