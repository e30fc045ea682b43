"""Plots of fitted estimators; matplotlib is imported where a plot is drawn."""

from sklearn_wsca._displays._activation_map import ActivationMapDisplay
from sklearn_wsca._displays._alignment import AlignmentDisplay
from sklearn_wsca._displays._component_sensitivity import ComponentSensitivityDisplay
from sklearn_wsca._displays._consistency import ConsistencyDisplay
from sklearn_wsca._displays._feature_importance import FeatureImportanceDisplay
from sklearn_wsca._displays._null_distribution import NullDistributionDisplay
from sklearn_wsca._displays._style import import_pyplot
from sklearn_wsca._displays._utilization import UtilizationDisplay

__all__ = [
    "ActivationMapDisplay",
    "AlignmentDisplay",
    "ComponentSensitivityDisplay",
    "ConsistencyDisplay",
    "FeatureImportanceDisplay",
    "NullDistributionDisplay",
    "UtilizationDisplay",
    "import_pyplot",
]
