"""A repair on rows that it was not fitted on."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._analysis.head_check import check_decision, doubt, require_fit
from sklearn_wsca._comparison.from_outputs import compare_utilization
from sklearn_wsca._comparison.result import UtilizationComparison
from sklearn_wsca._erasure.fitted_rows import row_hashes
from sklearn_wsca._erasure.metadata_eraser import MetadataEraser
from sklearn_wsca._heads.classes import (
    check_classes,
    describe_assumption,
    levels_to_name,
    match_classes,
)
from sklearn_wsca._heads.given import name_head, read_weights
from sklearn_wsca._heads.head import Head, all_outputs
from sklearn_wsca._heads.performance import read_predictions
from sklearn_wsca._input.checked_input import check_embeddings, check_same_length
from sklearn_wsca._input.column import Column, LeftOutError, match_levels
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.settings import check_test_settings
from sklearn_wsca._input.table import as_table, check_same_index, require_columns
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._repair.price import compare_predictions
from sklearn_wsca._repair.result import RepairResult, judge_repair
from sklearn_wsca._text import list_first, quote
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.from_head import read_outputs

SHOWN = 3
# Share of rows of the fit that two images that happen to be the same do not reach.
MOST_SHARED = 0.01


def repair_test(
    target_head,
    eraser,
    X,
    y,
    *,
    groups=None,
    check_head=True,
    n_permutations=999,
    min_effect=0.1,
    significance=0.05,
    random_state=None,
):
    r"""Is a column used less after an erasure, and what does that cost?

    Parameters
    ----------
    target_head : Head, array, pair (W, b), fitted linear estimator or torch.nn.Module
        The trained head, in any form that `WeightSpaceCorrelation` takes.
    eraser : MetadataEraser
        Fitted with a target, on *other* rows, best those of other patients.
    X : array-like of shape (n_samples, n_features)
        Embeddings of rows that neither the eraser nor the network has seen.
    y : DataFrame
        Metadata of the same rows: the target and the columns that are erased.
    groups : str, default=None
        Column of y that says what is independent of others of its kind, such as the
        patient.
    check_head : bool, default=True
        Whether to stop where the head cannot belong to target and rows.
    n_permutations : int, default=999
        Number of random arrangements of signs of the comparison.
    min_effect : float, default=0.1
        Utilization that matters, in standard deviations of the outputs; above 0.
    significance : float, default=0.05
        One minus the level of the intervals; below 0.5.
    random_state : int, RandomState or None, default=None
        Seed of signs and bootstrap.

    Returns
    -------
    RepairResult
        How far each column is used before and after, and the performance.

    Raises
    ------
    ValueError
        If an argument cannot be used, or a column cannot be tested on these rows.

    See Also
    --------
    MetadataEraser.repair_head : The head that is proved here.
    compare_utilization : The comparison, for any two networks.

    Notes
    -----
    Utilization is that of `compare_utilization`, before and after. A column is
    "repaired" where the upper limit of its interval afterwards is below `min_effect`: a
    claim of absence, which takes enough units. Performance is balanced accuracy and
    AUROC, each the mean over classes, or R2. Its intervals are percentiles of 999 draws
    of whole units; that of the change is a quantile of Student's t times the standard
    deviation of the changes in the same draws. Where no decision of n units of a class
    changes, the interval of the change of the balanced accuracy is that of the rule of
    three: up to :math:`1 - (\alpha / 2)^{1 / n}` of them might.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_wsca import MetadataEraser, repair_test
    >>> from sklearn_wsca.datasets import make_shortcut
    >>> study = make_shortcut(
    ...     4000, 16, use=0.5, encoding=2.0, association=0.4, random_state=0
    ... )
    >>> X, table = study.data, study.metadata
    >>> odd = np.arange(4000) % 2 == 1
    >>> eraser = MetadataEraser(["scanner"], target="target").fit(X[odd], table[odd])
    >>> result = repair_test(study.head, eraser, X[~odd], table[~odd], random_state=0)
    >>> result.verdicts
    {'scanner': 'repaired'}
    >>> print(f"{result.performance.loc['auroc', 'change']:.2f}")
    -0.02
    """
    check_test_settings(
        n_permutations,
        significance,
        min_effect,
        most_significance=0.5,
        positive_effect=True,
    )
    target = _check_eraser(eraser)
    table = _read_table(eraser, X, y, groups)
    embeddings = check_embeddings(eraser, X, reset=False)
    check_same_length(embeddings, table)
    column = _read_target(table[target], eraser)
    head, notes = _read_head(target_head, eraser, column, table[target], check_head)
    before = all_outputs(embeddings, [head])
    after = _repaired_outputs(head, eraser, X, y)
    units = Groups.of(table[groups]) if groups is not None else None
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    doubts = _check_fit(before, head, column, units, seed) if check_head else []
    doubts += _describe_fitted(eraser, embeddings)
    doubts += _describe_unseen(eraser, table)
    found = _compare(
        before,
        after,
        table,
        eraser,
        groups=None if groups is None else table[groups],
        n_permutations=n_permutations,
        min_effect=min_effect,
        significance=significance,
        random_state=seed,
    )
    for message in doubts:
        warnings.warn(message, UserWarning, stacklevel=2)
    first, second = (
        read_predictions(outputs, head, column, np.ones(len(table)))
        for outputs in (before, after)
    )
    codes = np.arange(len(table)) if units is None else units.with_loners().codes
    performance = pd.DataFrame()
    if first is not None and second is not None:
        performance = compare_predictions(
            first, second, codes[column.rows], significance, seed
        )
    return RepairResult(
        found,
        performance,
        {name: judge_repair(own) for name, own in found.items()},
        target,
        len(table),
        len(np.unique(codes)),
        min_effect,
        significance,
        (*notes, *doubts),
    )


def _check_eraser(eraser: Any) -> Any:
    """Target of a fitted eraser."""
    if not isinstance(eraser, MetadataEraser):
        raise ValueError(
            f"eraser: {eraser!r} is no MetadataEraser; pass one that is fitted."
        )
    check_is_fitted(eraser)
    if eraser.target is None:
        raise ValueError(
            "eraser: it holds no target fixed, so it does not repair a head: fit "
            f"MetadataEraser({eraser.columns_}, target=...) with what the head "
            "predicts."
        )
    return eraser.target


def _read_table(eraser: MetadataEraser, X: Any, y: Any, groups: Any) -> pd.DataFrame:
    check_same_index(X, y)
    table = as_table(y)
    require_columns([eraser.target, *eraser.columns_], table, "y")
    require_columns([] if groups is None else [groups], table, "groups")
    return table


def _kinds(eraser: MetadataEraser) -> dict[Any, Any]:
    """Kinds that are said of target and columns."""
    names = [eraser.target, *eraser.columns_]
    return {name: kind for name, kind in (eraser.kinds or {}).items() if name in names}


def _read_target(series: pd.Series, eraser: MetadataEraser) -> Column:
    try:
        return read_column(series, kind=_kinds(eraser).get(series.name, "auto"))
    except LeftOutError as reason:
        raise ValueError(
            f"target: {series.name!r} cannot be used on these rows: {reason}."
        ) from reason


def _read_head(
    source: Any,
    eraser: MetadataEraser,
    column: Column,
    series: pd.Series,
    check_head: bool,
) -> tuple[Head, list[str]]:
    """Head with the levels of the target as its classes; what was assumed of it."""
    weights = read_weights(
        source,
        argument="target_head",
        n_features=eraser.n_features_in_,
        feature_names=getattr(eraser, "feature_names_in_", None),
    )
    head, notes = name_head(weights, None), []
    if head.classes is None:
        head = name_head(weights, levels_to_name(head.n_rows, column, series))
        notes = describe_assumption(head)
    else:
        head = match_classes(head, column)
    if check_head:
        check_classes(head, column)
    return head, notes


def _repaired_outputs(head: Head, eraser: MetadataEraser, X: Any, y: Any) -> np.ndarray:
    if eraser.method == "linear":
        return all_outputs(
            check_embeddings(eraser, X, reset=False), [eraser.repair_head(head)]
        )
    # As it was given: the labels of its rows, if any, are those of X.
    return head.outputs(np.asarray(eraser.transform(X, metadata=y)))


def _check_fit(
    outputs: np.ndarray,
    head: Head,
    column: Column,
    groups: Groups | None,
    seed: int,
) -> list[str]:
    """Raise if the head cannot be that of these rows; say if it may not be."""
    scores, probabilities = read_outputs(outputs, head)
    decision = Decision(
        scores, probabilities, np.ones(len(outputs)), column, [], groups
    )
    checked = check_decision(decision, head, seed)
    require_fit(checked, column.name, groups is not None)
    return doubt(checked, column.name)


def _describe_fitted(eraser: MetadataEraser, X: Embeddings) -> list[str]:
    """Say how many rows the eraser was fitted on: nothing is left on them anyway."""
    shared = int(np.isin(row_hashes(X), eraser._rows_of_fit).sum())
    if shared <= MOST_SHARED * len(X):
        return []
    return [
        f"X: {shared} of {len(X)} rows have embeddings that the eraser was fitted on. "
        "On these a repair succeeds whatever it does elsewhere, so this is no proof; "
        "pass rows of other patients."
    ]


def _describe_unseen(eraser: MetadataEraser, table: pd.DataFrame) -> list[str]:
    """Say which columns have levels here that the erasure does not know."""
    notes = []
    for name, levels in eraser._known.items():
        series = table[name]
        unseen = np.setdiff1d(
            np.flatnonzero(series.notna().to_numpy()), match_levels(series, levels)[0]
        )
        if len(unseen):
            names = list_first(list(dict.fromkeys(series.iloc[unseen])), SHOWN, quote)
            notes.append(
                f"column {name!r}: {len(unseen)} of {len(series)} rows have levels "
                f"that the eraser was not fitted on ({names}): what is erased does "
                "not hold for them, and they are part of this proof."
            )
    return notes


def _compare(
    before: np.ndarray,
    after: np.ndarray,
    table: pd.DataFrame,
    eraser: MetadataEraser,
    **settings: Any,
) -> dict[Any, UtilizationComparison]:
    with warnings.catch_warnings():
        # Of columns and codes the eraser has warned.
        warnings.filterwarnings("ignore", "kinds: ")
        return compare_utilization(
            before,
            after,
            table[list(eraser.columns_)],
            target=table[eraser.target],
            kinds=_kinds(eraser) or None,
            # Of the head before the repair; what it predicts after it is a result.
            check_head=False,
            **settings,
        )
