"""Plots of fitted estimators; matplotlib is imported where a plot is drawn."""

from sklearn_wsca._displays._alignment import AlignmentDisplay
from sklearn_wsca._displays._component_sensitivity import ComponentSensitivityDisplay
from sklearn_wsca._displays._null_distribution import NullDistributionDisplay
from sklearn_wsca._displays._style import import_pyplot
from sklearn_wsca._displays._utilization import UtilizationDisplay

__all__ = [
    "AlignmentDisplay",
    "ComponentSensitivityDisplay",
    "NullDistributionDisplay",
    "UtilizationDisplay",
    "import_pyplot",
]
