"""Screening of a metadata table, for people who have no network yet."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from sklearn_wsca._analysis.association import association_strength
from sklearn_wsca._analysis.confusable import INDEX as PAIR
from sklearn_wsca._analysis.confusable import associated_pairs, fix
from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._input.binning import BINNINGS
from sklearn_wsca._input.settings import check_number, check_test_settings
from sklearn_wsca._input.table import level_index, name_index
from sklearn_wsca._permutation.plan import PermutationPlan, explain_floor
from sklearn_wsca._screening.counts import EMPTY, FEW, TargetClasses
from sklearn_wsca._screening.prospects import (
    LEFT_OUT,
    Prospect,
    foresee,
    why_untestable,
)
from sklearn_wsca._screening.result import COLUMNS, MetadataScreen
from sklearn_wsca._screening.simulated_outputs import Assumptions
from sklearn_wsca._screening.table_reading import Screened, read_table
from sklearn_wsca._screening.target_association import association_pvalues
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.samples import ADJUSTMENTS


def screen_metadata(
    table,
    target,
    *,
    columns=None,
    groups=None,
    confounders=None,
    kinds=None,
    n_bins=None,
    binning="quantile",
    adjustment="spline",
    auroc=0.9,
    intraclass_correlation=0.5,
    n_permutations=999,
    min_effect=0.1,
    significance=0.05,
    random_state=None,
):
    r"""Which columns of a data set could be shortcuts, and would an audit find them?

    For the time before a network is trained: what goes with the target, which
    combinations are empty, which columns stand for each other, and how small a use an
    audit of these rows would find.

    Parameters
    ----------
    table : DataFrame or array-like of shape (n_samples, n_columns)
        Metadata: one row per sample that the audit will have.
    target : str
        Column that the network will predict.
    columns : list of str, default=None
        Columns to screen; None = all but target and groups. A tuple of names stands for
        their combined levels.
    groups : str, default=None
        Column of what is independent of others of its kind, such as the patient.
    confounders : list of str, default=None
        Columns that the audit will hold fixed besides the target.
    kinds : dict of str to {"categorical", "continuous"}, default=None
        Kinds that the looks of a column would not tell; see `WeightSpaceCorrelation`.
    n_bins : int, default=None
        Bins continuous columns into that many classes, as the audit will.
    binning : {"quantile", "uniform"}, default="quantile"
        Into classes of equal numbers of rows, or of equal width.
    adjustment : {"spline", "linear"}, default="spline"
        How the audit will hold fixed what is continuous.
    auroc : float, default=0.9
        How well the network is assumed to tell a class of the target from the others,
        at fixed column; between 0.5 and 1. The better it does, the smaller a use
        stands out in the standard deviation of its outputs.
    intraclass_correlation : float, default=0.5
        How alike the outputs of one group are assumed to be at fixed target: 0 not at
        all, 1 the same. Not used without groups.
    n_permutations : int, default=999
        Permutations of the test of association; p-values are at least 1 / (m + 1).
    min_effect : float, default=0.1
        Utilization that matters: the margin of the audit.
    significance : float, default=0.05
        Level of the audit, and of the test of association.
    random_state : int, RandomState or None, default=None
        Seed of permutations and simulated networks. With an int the result does not
        depend on the order of the rows.

    Returns
    -------
    MetadataScreen
        Tables `columns`, `levels` and `confusable`; `to_text` says what they mean and
        what to do next.

    Raises
    ------
    ValueError
        If an argument cannot be used, no row or column is left, or the target cannot be
        analysed. The message names the argument or column.

    See Also
    --------
    WeightSpaceCorrelation : The audit itself.
    utilization_test : The same from predictions.

    Notes
    -----
    Columns are read as the audit reads them, so what is left out here is left out
    there.

    *Association* is that of `target_association` in the audit: Cramer's V, the
    correlation ratio or the absolute correlation. Its p-value is the share of
    permutations with as strong a one. With groups whole groups are permuted, of the
    column or of the target, wherever one of them is constant in each. It is not
    corrected over columns: a shortcut that is missed costs more than a false warning.

    *Minimum detectable effect*: networks are simulated on the rows of the table, with
    outputs

    .. math:: L = b(\text{target}) + e \, v(\text{column}) + \varepsilon

    where b tells the classes with the AUROC that is assumed, v is a random direction
    over levels and outputs (a slope for a continuous column) of mean square 1, the same
    in all classes, and the noise is normal, with the correlation that is assumed within
    groups. One output stands for two classes or a number, one per class (6 at most) for
    more. They are tested as in `utilization_test`, at `significance` divided by the
    number of columns. The effect that is found in 80 % of them is told as a
    utilization, which is its share of the standard deviation of the outputs.

    A use under one level only is found less easily the rarer that level is:
    `rarest_level_effect` is what is found of a use under the rarest level alone.
    Networks that use a column in one class only, or whose noise is uneven, may need
    more than is stated. `units_needed` takes the effect to fall with the root of the
    number of units, at the same composition.

    Examples
    --------
    >>> from sklearn_wsca import screen_metadata
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> heart = load_heart_hospitals()
    >>> table = heart.metadata[heart.split == "held-out"]
    >>> found = screen_metadata(table, "disease", min_effect=0.15, random_state=0)
    >>> found.columns["target_association"].round(2).to_dict()
    {'hospital': 0.42, 'sex': 0.36, 'age': 0.28}
    >>> found.columns["outlook"].to_dict()
    {'hospital': 'too small', 'sex': 'too small', 'age': 'enough'}
    """
    _check_numbers(
        auroc, intraclass_correlation, n_permutations, min_effect, significance
    )
    if adjustment not in ADJUSTMENTS:
        raise ValueError(
            f"adjustment: {adjustment!r} is not known; pass 'spline' or 'linear'."
        )
    if binning not in BINNINGS:
        raise ValueError(
            f"binning: {binning!r} is not known; pass 'quantile' or 'uniform'."
        )
    read = read_table(
        table,
        target,
        columns=columns,
        groups=groups,
        confounders=confounders,
        kinds=kinds,
        n_bins=n_bins,
        binning=binning,
        stacklevel=2,
    )
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    decision = read.decision(adjustment)
    plan = PermutationPlan(seed, n_permutations, len(decision.weights))
    units = read.given.roles.groups
    pvalues = association_pvalues(read.columns, read.target, units, plan)
    prospects = foresee(
        decision,
        read.columns,
        Assumptions(auroc, intraclass_correlation),
        min_effect,
        significance,
        seed,
        SequentialRunner("simulated audits"),
    )
    levels = _count_levels(read, prospects)
    for message in explain_floor(n_permutations, 1, significance):
        warnings.warn(message, UserWarning, stacklevel=2)
    return MetadataScreen(
        _tabulate(read, pvalues, prospects, levels),
        _join(levels),
        _find_confusable(decision, read),
        target,
        groups,
        [*(confounders or ())],
        len(decision.weights),
        read.n_used,
        min_effect,
        significance,
        auroc,
        intraclass_correlation,
        tuple(_describe_lacking(read)),
    )


def _count_levels(read: Screened, prospects) -> dict[Any, pd.DataFrame]:
    classes = TargetClasses(read.target, read.clusters())
    return {
        name: classes.count(column, read.given.table[name], prospects[name].beside)
        for name, column in read.columns.items()
    }


def _join(levels: Mapping[Any, pd.DataFrame]) -> pd.DataFrame:
    """One table of counts, whose names may be tuples."""
    parts = [*levels.values()]
    labels = [
        [value for part in parts for value in part.index.get_level_values(place)]
        for place in range(parts[0].index.nlevels)
    ]
    index = level_index(labels, parts[0].index.names)
    return pd.concat(parts, ignore_index=True).set_axis(index, axis=0)


def _tabulate(read, pvalues, prospects, levels) -> pd.DataFrame:
    """One row per column, in the order of the table."""
    rows = []
    for name in read.names:
        if name in read.left_out:
            row = {"outlook": LEFT_OUT, "reason": read.left_out[name]}
            if name in read.copies:
                row["target_association"] = association_strength(
                    read.copies[name], read.target, read.given.weights
                )
        else:
            row = _describe(read, name, pvalues[name], prospects[name], levels[name])
        rows.append(row)
    table = pd.DataFrame(rows, name_index(read.names), columns=list(COLUMNS))
    counts = ("n_samples", "n_units", "n_levels", "n_empty_cells", "n_few_cells")
    return table.astype(dict.fromkeys(counts, "Int64"))


def _describe(
    read: Screened, name: Any, pvalue: float, prospect: Prospect, levels: pd.DataFrame
) -> dict[str, Any]:
    column, findings = read.columns[name], levels["finding"]
    strength = association_strength(column, read.target, read.given.weights)
    return {
        "kind": column.kind,
        "n_samples": len(column.rows),
        "n_units": prospect.n_units,
        "n_levels": column.n_levels or None,
        "target_association": strength,
        "association_pvalue": pvalue,
        "n_empty_cells": int((findings == EMPTY).sum()),
        "n_few_cells": int((findings == FEW).sum()),
        "minimum_detectable_effect": prospect.detectable,
        "rarest_level": prospect.rarest,
        "rarest_level_effect": prospect.rarest_detectable,
        "units_needed": prospect.units_needed,
        "outlook": prospect.outlook,
        "reason": prospect.reason,
    }


def _find_confusable(decision: Decision, read: Screened) -> pd.DataFrame:
    """Columns that stand for each other, and whether an audit could tell them apart."""
    rows, labels = [], []
    for first, second, strength in associated_pairs(decision, read.columns):
        for column, other in ((first, second), (second, first)):
            found = why_untestable(fix(decision, other), column)
            rows.append((strength, found if isinstance(found, str) else ""))
            labels.append((column.name, other.name))
    index = level_index(list(zip(*labels, strict=True)) or [[], []], PAIR)
    table = pd.DataFrame(rows, index, columns=["association", "reason"])
    return table.astype({"association": float, "reason": object})


def _describe_lacking(read: Screened) -> list[str]:
    """Rows and levels that an audit would not use."""
    notes = [
        f"{own['role']} {own['name']!r}: {own['n_missing']} rows have no value, and "
        f"{own['n_rare']} a level that is not used"
        for own in read.lacking
    ]
    return notes + [
        f"column {name!r}: {note}" for name, own in read.notes.items() for note in own
    ]


def _check_numbers(auroc, correlation, n_permutations, min_effect, significance):
    check_number(auroc, "auroc", min_val=0.5, max_val=1, include_boundaries="left")
    check_number(correlation, "intraclass_correlation", min_val=0, max_val=1)
    check_test_settings(n_permutations, significance, min_effect)
