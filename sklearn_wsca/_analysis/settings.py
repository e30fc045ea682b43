"""Settings of an analysis as plain values, which a table can carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.base import BaseEstimator

from sklearn_wsca._plain_values import as_plain

# Under this name the attrs of a table say how it was made.
SETTINGS = "settings"
# And under this one, what the primary head decides.
HEAD_OUTPUTS = "head_outputs"
# Parameters that may differ between seeds of a network, or that change no number.
OWN = {"target_head", "random_state", "n_jobs", "memory"}
# What probes are fitted by, where it is no name of a recipe.
GIVEN = "given"


def describe_settings(analysis: BaseEstimator) -> dict[str, Any]:
    """Parameters of an estimator that change what it says of one network.

    Of heads that are given, weights or estimators, only that they are: every network
    has its own.
    """
    settings = {
        key: _plain(value)
        for key, value in analysis.get_params(deep=False).items()
        if key not in OWN
    }
    heads = settings.pop("heads")
    if isinstance(heads, Mapping):
        heads = {name: _recipe(recipe) for name, recipe in heads.items()}
    return settings | {"heads": heads}


def describe_head(analysis: BaseEstimator) -> dict[str, Any]:
    """Classes of the primary head of a fitted estimator, and how many outputs it has.

    Returns
    -------
    dict
        classes (None of a number) and n_outputs; empty without a primary head.
    """
    head = analysis.target_head_
    if head is None:
        return {}
    classes = None if head.classes is None else as_plain([*head.classes])
    return {"classes": classes, "n_outputs": head.n_rows}


def _plain(value: Any) -> Any:
    """Arrays and tuples as lists."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return list(value) if isinstance(value, tuple) else value


def _recipe(recipe: Any) -> Any:
    return recipe if isinstance(recipe, str) else GIVEN
