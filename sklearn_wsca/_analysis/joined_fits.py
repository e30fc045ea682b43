"""Fits of several targets: one correction over all, and joined attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sklearn_wsca._alignment import inference as alignment
from sklearn_wsca._encoding import inference as encoding
from sklearn_wsca._input.several_targets import join_tables
from sklearn_wsca._performance import inference as performance
from sklearn_wsca._text import list_first, plain_text
from sklearn_wsca._utilization import inference as utilization

# Tables with a column per permuted column.
NULLS = "null_distribution_"
# What does not depend on the target.
SHARED = (
    "n_features_in_",
    "feature_names_in_",
    "mean_",
    "components_",
    "explained_variance_",
    "explained_variance_ratio_",
    "n_components_",
    "scale_",
)
# Rows and columns of it are heads, and those of another target are others.
APART = ("correlation_",)
# One test of encoding, alignment, utilization and performance each.
Tests = tuple[
    encoding.EncodingTest,
    alignment.AlignmentTest,
    utilization.UtilizationTests,
    performance.PerformanceTests,
]


def correct(several: Sequence[Tests], significance: float) -> list[Tests]:
    """Correct all tests over the columns of all targets together.

    Those of a single target are so already.
    """
    if len(several) == 1:
        return list(several)
    encodings, alignments, utilizations, performances = map(
        list, zip(*several, strict=True)
    )
    return list(
        zip(
            encoding.correct(encodings),
            alignment.correct(alignments),
            utilization.correct(utilizations, significance),
            performance.correct(performances),
            strict=True,
        )
    )


def describe_correction(targets: list) -> str:
    """What the corrected p-values are corrected over."""
    return (
        f"Corrected p-values and q-values are over the columns of all {len(targets)} "
        f"targets ({list_first(targets)})."
    )


def join_fits(parts: Mapping[Any, Any], adjusted: bool) -> dict[str, Any]:
    """Attributes of estimators fitted for several targets as those of one.

    Tables get a first level `target`; what is no table becomes a dict by target.
    """
    first = next(iter(parts.values()))
    names = [n for n in vars(first) if n.endswith("_") and not n.startswith("_")]
    joined: dict[str, Any] = {}
    for name in names:
        values = {target: getattr(part, name) for target, part in parts.items()}
        is_table = all(
            isinstance(v, (pd.Series, pd.DataFrame)) for v in values.values()
        )
        if name in SHARED:
            joined[name] = values[next(iter(values))]
        elif is_table and name not in APART:
            joined[name] = join_tables(values, 1 if name.endswith(NULLS) else 0)
        else:
            joined[name] = values
    heads: dict = {}
    for target, part in parts.items():
        for name, head in part.heads_.items():
            # They differ only where they were adjusted for their target.
            heads.setdefault((target, name) if adjusted else name, head)
    notes = [
        f"{target}: {note}" for target, part in parts.items() for note in part.notes_
    ]
    return joined | {"heads_": heads, "notes_": notes}


def join_audits(tables: Mapping[Any, pd.DataFrame]) -> pd.DataFrame:
    """One table of the audits of several targets; its attrs are theirs by target."""
    joined = join_tables(tables)
    keys = next(iter(tables.values())).attrs
    joined.attrs = {
        key: {plain_text(target): table.attrs[key] for target, table in tables.items()}
        for key in keys
    }
    return joined
