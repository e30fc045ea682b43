"""How far contributions of features shift between samples of the same class."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklearn_wsca._features.contributions import own_contributions
from sklearn_wsca._features.shift_statistics import (
    ShiftTest,
    Sizes,
    measure_sizes,
    products_with_sum,
    varies_within,
)
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._input.groups import Groups, restrict_to_groups
from sklearn_wsca._input.table import row_fingerprints
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._permutation.exchangeability import (
    FEWEST_UNITS,
    FEWEST_VARYING_GROUPS,
    Exchangeability,
    exchange_units,
)
from sklearn_wsca._permutation.plan import (
    PermutationPlan,
    benjamini_hochberg,
    canonical_order,
    max_t_pvalues,
    permutation_pvalues,
)

SPLIT = "split"
# What stands below the features: they may all shift too little to be seen, and their
# sum does not.
SCORE, MARGIN, ERROR = "own score", "own margin", "absolute error"
OUTPUTS = (SCORE, MARGIN, ERROR)
# Sums of the same numbers in single precision, in another order.
TIES = 1e-5
PERMUTED = {
    "rows": "rows",
    "between groups": "groups",
    "within groups": "rows within groups",
}


@dataclass(frozen=True)
class Contributions:
    """Contributions of every feature to the own class of samples: (n, C), float32.

    They are times the sign of their weight, so that they rise with the feature in every
    class: the shift of a feature that speaks for one class and against another would
    cancel otherwise. The class of all is 0 where a number is predicted. Further columns
    hold what contributions add up to, by name.
    """

    values: np.ndarray
    classes: np.ndarray
    groups: pd.Series | None
    further: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        head: Head,
        pooled: np.ndarray,
        labels: np.ndarray,
        groups: pd.Series | None,
    ) -> Contributions:
        """Contributions of pooled activations (n, C) with codes of their labels."""
        upward = replace(head, coef=np.abs(head.coef))
        values = own_contributions(upward, pooled, labels)
        sums = _sum_up(head.outputs(pooled), labels, head.classes is None)
        columns = np.column_stack([values, *sums.values()]).astype(np.float32)
        classes = np.zeros(len(labels), dtype=int) if head.classes is None else labels
        return cls(columns, classes, groups, tuple(sums))

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def group_marks(self) -> np.ndarray:
        """Number of the group that depends on its name only."""
        if self.groups is None:
            return np.zeros(len(self), dtype=np.uint64)
        return row_fingerprints(self.groups.to_frame("group"))


def _sum_up(
    outputs: np.ndarray, labels: np.ndarray, is_number: bool
) -> dict[str, np.ndarray]:
    """What contributions add up to: score and margin of the own class, or the error."""
    if is_number:
        output = outputs.mean(axis=1)
        return {SCORE: output, ERROR: np.abs(labels - output)}
    rows = np.arange(len(labels))
    scores = outputs - outputs.mean(axis=1, keepdims=True)
    others = scores.copy()
    others[rows, labels] = -np.inf
    own = scores[rows, labels]
    return {SCORE: own, MARGIN: own - others.max(axis=1)}


class Comparison(NamedTuple):
    """A column, and the samples that it tells apart: their contributions and classes.

    `marks` tell groups apart whatever the order of the samples.
    """

    series: pd.Series
    values: np.ndarray
    classes: np.ndarray
    groups: Groups | None
    marks: np.ndarray


def compare_contributions(
    fitted: Contributions,
    new: Contributions,
    metadata: pd.DataFrame,
    features: Any,
    seed: int,
    n_permutations: int,
) -> pd.DataFrame:
    """Shift of every feature between fitted and new samples, and between levels.

    The table is that of `IntegratedFeatureAnalysis.compare`, for columns that describe
    the new samples.

    Raises
    ------
    ValueError
        If nothing can be compared.
    """
    _warn_of_shared_groups(fitted, new)
    tables: dict[Any, pd.DataFrame] = {}
    described: dict[Any, dict] = {}
    left_out: dict[Any, str] = {}
    if SPLIT in metadata.columns:
        left_out[f"column {SPLIT}"] = "its name is that of another comparison"
        metadata = metadata.drop(columns=SPLIT)
    for comparison in _comparisons(fitted, new, metadata):
        name = comparison.series.name
        try:
            table, described[name] = _compare(comparison, seed, n_permutations)
            tables[name] = table.set_axis([*features, *new.further])
        except LeftOutError as reason:
            left_out[name] = str(reason)
    if not tables:
        raise ValueError(f"compare: nothing can be compared: {_in_words(left_out)}.")
    untested = {n: d["untested"] for n, d in described.items() if d["untested"]}
    _warn_of("left out", left_out)
    _warn_of("there are no p-values for", untested)
    return _join(tables, described, left_out)


def _comparisons(
    fitted: Contributions, new: Contributions, metadata: pd.DataFrame
) -> Iterator[Comparison]:
    """Fitted and new samples, then the columns that describe the new ones."""
    yield _split_comparison(fitted, new)
    marks = new.group_marks
    groups = None if new.groups is None else Groups.of(new.groups)
    for name in metadata.columns:
        yield Comparison(metadata[name], new.values, new.classes, groups, marks)


def _split_comparison(fitted: Contributions, new: Contributions) -> Comparison:
    """Fitted and new samples; a group in both is exchanged as two."""
    groups = None
    if fitted.groups is not None and new.groups is not None:
        first, second = Groups.of(fitted.groups).codes, Groups.of(new.groups).codes
        second = np.where(second < 0, -1, second + first.max() + 1)
        groups = Groups(new.groups.name, np.concatenate([first, second]))
    labels = np.repeat(["fitted", "new"], [len(fitted), len(new)])
    return Comparison(
        pd.Series(labels, name=SPLIT),
        np.concatenate([fitted.values, new.values]),
        np.concatenate([fitted.classes, new.classes]),
        groups,
        np.concatenate([fitted.group_marks, new.group_marks]),
    )


def _compare(
    comparison: Comparison, seed: int, n_permutations: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Table of one comparison, and what it was made of.

    Raises
    ------
    LeftOutError
        If the column cannot be compared at fixed class.
    """
    column, values = read_column(comparison.series), comparison.values
    if comparison.groups is not None:
        column = restrict_to_groups(column, comparison.groups)
    classes = _renumber(comparison.classes[column.rows])
    if not varies_within(column, classes):
        raise LeftOutError(
            "it does not vary within any class, so nothing is left to compare"
        )
    sizes = measure_sizes(values, classes, column)
    known = {
        "class": comparison.classes[column.rows],
        "label": column.labels,
        "group": comparison.marks[column.rows],
    }
    order = canonical_order(
        sizes.distance,
        lambda: row_fingerprints(pd.DataFrame(known)),
        lambda numbers: products_with_sum(values, classes, column, numbers),
    )
    column = replace(column, rows=column.rows[order], labels=column.labels[order])
    exchange, held = _exchange(column, classes[order], comparison.groups)
    test = ShiftTest.of(values, column, classes[order], exchange)
    permuted = PERMUTED[exchange.scheme] + held
    untested = _too_few(exchange, column.labels, permuted)
    plan = PermutationPlan(seed, 0 if untested else n_permutations, len(order))
    n_units = exchange.n_exchangeable(column.labels)
    description = {
        "levels": list(column.levels),
        "n_samples": len(order),
        "permuted": permuted,
        "n_units": n_units,
        "n_permutations": plan.n_permutations,
        "untested": untested,
        "notes": list(column.notes),
    }
    table = _tabulate(sizes, test.observed(), test.null(plan))
    table.insert(0, "measure", _measure(column))
    return table.assign(n_units=n_units), description


def _exchange(
    column: Column, classes: np.ndarray, groups: Groups | None
) -> tuple[Exchangeability, str]:
    """What is exchanged among rows in canonical order, and at what fixed, in words."""
    if groups is not None:
        groups = Groups.of(pd.Series(groups.codes[column.rows], name=groups.name))
    numbered = replace(column, rows=np.arange(len(column.rows)))
    exchange = exchange_units(numbered, groups, both=False)
    counts = np.zeros((exchange.n_units, classes.max() + 1), dtype=np.intp)
    np.add.at(counts, (exchange.unit, classes), 1)
    if counts.shape[1] == 1:
        return exchange.within(counts[:, 0] * 0), ""
    # The most frequent class stands for groups of several classes.
    exchange = exchange.within(_renumber(counts.argmax(axis=1)), of_target=True)
    mixed = np.count_nonzero(counts, axis=1).max() > 1
    return exchange, f" within {'their most frequent class' if mixed else 'classes'}"


def _renumber(codes: np.ndarray) -> np.ndarray:
    """Close the gaps in the numbers of classes."""
    return np.unique(codes, return_inverse=True)[1]


def _too_few(
    exchange: Exchangeability, labels: np.ndarray, permuted: str
) -> str | None:
    """Why what can be exchanged is not enough for a p-value; None if it is."""
    n_units = exchange.n_exchangeable(labels)
    if n_units < FEWEST_UNITS:
        return (
            f"{n_units} {permuted} can be exchanged, and at least {FEWEST_UNITS} are "
            "needed"
        )
    if exchange.scheme != "within groups":
        return None
    varies = pd.Series(labels).groupby(exchange.strata).transform("nunique") > 1
    n_varying = len(np.unique(exchange.clusters[varies]))
    if n_varying >= FEWEST_VARYING_GROUPS:
        return None
    return (
        f"it varies within {n_varying} groups only, and at least "
        f"{FEWEST_VARYING_GROUPS} are needed; if it should be constant in a group, "
        "correct the others"
    )


def _measure(column: Column) -> str:
    if not column.n_levels:
        return "partial correlation"
    what = "standardised mean difference"
    return what if column.n_levels == 2 else f"largest {what}"


def _tabulate(sizes: Sizes, explained: np.ndarray, null: np.ndarray) -> pd.DataFrame:
    pvalues = familywise = np.full(len(explained), np.nan)
    if len(null):
        pvalues = permutation_pvalues(explained, null, TIES)
        familywise = max_t_pvalues(explained, null, TIES)
    return pd.DataFrame(
        {
            "smd": sizes.shift,
            "ks": sizes.ks,
            "explained": explained,
            "pvalue": pvalues,
            "pvalue_fwer": familywise,
            "qvalue": benjamini_hochberg(pvalues),
        }
    )


def _join(tables: dict, described: dict, left_out: dict) -> pd.DataFrame:
    """One table, indexed by comparison and feature."""
    names = pd.Index(list(tables), tupleize_cols=False)
    features = next(iter(tables.values())).index
    joined = pd.concat(tables.values(), ignore_index=True)
    joined.index = pd.MultiIndex.from_product(
        [names, features], names=["comparison", "feature"]
    )
    joined.attrs = {"comparisons": described, "left_out": left_out}
    return joined


def _warn_of_shared_groups(fitted: Contributions, new: Contributions) -> None:
    """Say how many groups of new samples were in `fit`."""
    if fitted.groups is None or new.groups is None:
        return
    present = set(new.groups.dropna().unique())
    shared = present & set(fitted.groups.dropna().unique())
    if shared:
        warnings.warn(
            f"groups: {len(shared)} of {len(present)} values of {new.groups.name!r} "
            f"were in fit too (such as {min(map(str, shared))}). The two parts of such "
            "a group are exchanged as if they were independent, so that shifts between "
            "fitted and new samples may be missed.",
            UserWarning,
            stacklevel=4,
        )


def _warn_of(what: str, reasons: dict[Any, str]) -> None:
    if reasons:
        warnings.warn(
            f"compare: {what} {_in_words(reasons)}.", UserWarning, stacklevel=4
        )


def _in_words(reasons: dict[Any, str]) -> str:
    return "; ".join(f"{name!r} ({reason})" for name, reason in reasons.items())
