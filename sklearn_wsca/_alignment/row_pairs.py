"""Cosines of pairs of head rows, of one network and of separately trained ones."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._alignment.metrics import unit_or_zero
from sklearn_wsca._input.several_targets import check_one_target
from sklearn_wsca._text import quote

WITHIN, BETWEEN = "within heads", "between heads"
NETWORKS, SAME_TASK = "between networks", "same task of two networks"
# The only list of kinds, in the order in which they are drawn.
PAIRS = (WITHIN, BETWEEN, NETWORKS, SAME_TASK)
SIDES = ["network", "task", "class", "other_network", "other_task", "other_class"]


def reference_cosines(analyses):
    r"""Cosines of all pairs of head rows, by what the two rows have in common.

    The reference distributions of the paper [1]_: rows of one head, and rows of heads
    of different tasks. It pools the latter over *separately trained* networks; here
    these stand apart from those of one network.

    Parameters
    ----------
    analyses : list or dict
        Fitted `WeightSpaceCorrelation` with ``metric="weight"``, one for each network,
        all of the same width. A dict names the networks. They need not have the same
        tasks or rows.

    Returns
    -------
    DataFrame
        One row per pair, with its `cosine`; `network`, `task` and `class` of one row
        and, as `other_network`, `other_task` and `other_class`, of the other; and
        `pair`:

        - "within heads": two classes of one head;
        - "between heads": two tasks of one network;
        - "between networks": two tasks, each of another network;
        - "same task of two networks".

        Rows of heads without a direction (NaN in ``correlation_``) have no pairs.

    Raises
    ------
    TypeError, ValueError, NotFittedError
        If these are no such analyses, of networks of different width, or one of them
        comes twice. The message names the network.

    See Also
    --------
    weight_space_correlation : Cosines of two heads.
    NullDistributionDisplay : Draws what this returns, with ``kind="pairs"``.

    Notes
    -----
    Rows of network a are projected on its own principal directions :math:`P_a`, and
    compared where both networks have coordinates, in the embedding:

    .. math:: \cos_{ij} = \frac{w_i P_a^T P_a \cdot v_j P_b^T P_b}
              {|w_i P_a^T P_a| \, |v_j P_b^T P_b|}

    Within one network this is the cosine of the projected rows, as in ``correlation_``
    (with ``n_components=None`` rows are not projected there, nor here).

    None of these distributions is a null hypothesis of a column, and that of separately
    trained networks least of all. Feature 7 of one network has nothing to do with
    feature 7 of another that was trained from other initial weights, so rows of the two
    are nearly orthogonal whatever they decide: their cosines spread by about
    :math:`1 / \sqrt{d}` over d features. The heads of *one* network read the same few
    directions, k of them or fewer in effect, so theirs spread by about
    :math:`1 / \sqrt{k}` when nothing is shared. Held against the former,
    nearly any two heads of a network look aligned. The same task of two networks tells
    whether they have a space in common: if its rows are no more aligned than others,
    cosines between these networks say nothing. Networks that were fine-tuned from the
    same weights lie in between. The p-values of the estimator come from permutations.

    References
    ----------
    .. [1] C. K. Wong et al., "Weight Space Correlation Analysis: Quantifying Feature
       Utilization in Deep Learning Models", MIDL 2026, PMLR 315:2711-2737,
       arXiv:2512.13144, figure 2.

    Examples
    --------
    >>> from sklearn_wsca import WeightSpaceCorrelation, reference_cosines
    >>> from sklearn_wsca.datasets import make_shortcut
    >>> analyses = {}
    >>> for seed in range(2):  # Separately trained, each with its own embedding.
    ...     study = make_shortcut(200, 16, random_state=seed)
    ...     analyses[f"seed {seed}"] = WeightSpaceCorrelation(
    ...         "target", target_head=study.head, n_permutations=0
    ...     ).fit(study.data, study.metadata)
    >>> pairs = reference_cosines(analyses)
    >>> pairs["pair"].value_counts(sort=False).tolist()
    [18, 54, 54, 27]
    """
    rows = {name: _read(name, analysis) for name, analysis in _name(analyses).items()}
    _check_alike(rows)
    tables = [_pair(name, found, name, found) for name, found in rows.items()]
    for (name, found), (other, theirs) in combinations(rows.items(), 2):
        tables.append(_pair(name, found, other, theirs))
    table = pd.concat(tables, ignore_index=True)
    order = table["pair"].map(PAIRS.index).argsort(kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _name(analyses: Any) -> dict:
    """Analyses by the name of their network."""
    if isinstance(analyses, Mapping):
        named = dict(analyses)
    elif isinstance(analyses, (list, tuple)):
        named = dict(enumerate(analyses))
    else:
        raise TypeError(
            f"analyses: found a {type(analyses).__name__}; pass a list of analyses, or "
            "a dict of name to analysis."
        )
    if not named:
        raise ValueError("analyses: there is none; pass one for each network.")
    for (name, one), (other, another) in combinations(named.items(), 2):
        if one is another:
            raise ValueError(
                f"analyses: {quote(name)} and {quote(other)} are the same analysis; "
                "pass one for each network."
            )
    return named


def _read(name: Any, analysis: Any) -> pd.DataFrame:
    """Unit rows of all heads of a network, indexed by task and class.

    Raises
    ------
    TypeError, ValueError, NotFittedError
        If it is no fitted analysis of one target by the published metric.
    """
    if not hasattr(analysis, "get_params"):
        raise TypeError(
            f"analyses: {quote(name)} is a {type(analysis).__name__}; pass a fitted "
            "WeightSpaceCorrelation for each network."
        )
    check_is_fitted(analysis)
    check_one_target(analysis)
    if analysis.metric != "weight":
        raise ValueError(
            f"analyses: {quote(name)} has metric={analysis.metric!r}, which compares "
            "outputs on the rows of one network; set metric='weight' and fit again."
        )
    primary = [] if analysis.target_head_ is None else [analysis.target_head_]
    heads = [*primary, *analysis.heads_.values()]
    coef = np.vstack([unit_or_zero(head.centred_coef) for head in heads])
    if analysis.n_components is not None:
        P = analysis.components_
        coef = (coef @ P.T) @ P
    rows = pd.DataFrame(unit_or_zero(coef), analysis.correlation_.index)
    return rows[analysis.correlation_.notna().any(axis=1).to_numpy()]


def _check_alike(rows: dict[Any, pd.DataFrame]) -> None:
    """Raise if networks have different numbers of features."""
    (first, expected), *others = rows.items()
    for name, found in others:
        if found.shape[1] != expected.shape[1]:
            raise ValueError(
                f"analyses: {quote(name)} has {found.shape[1]} features and "
                f"{quote(first)} has {expected.shape[1]}; rows of different length "
                "have no cosine. Compare networks of one width."
            )


def _pair(name: Any, rows: Any, other: Any, theirs: Any) -> pd.DataFrame:
    """Pairs of the rows of two networks, or of one with itself."""
    cosines = np.clip(rows.to_numpy() @ theirs.to_numpy().T, -1.0, 1.0)
    is_own = rows is theirs
    wanted = np.ones(cosines.shape)
    # Of one network every pair once, and no row with itself.
    first, second = np.nonzero(np.triu(wanted, 1) if is_own else wanted)
    tasks, classes = (rows.index.get_level_values(i)[first] for i in (0, 1))
    their_tasks, their_classes = (
        theirs.index.get_level_values(i)[second] for i in (0, 1)
    )
    same, different = (WITHIN, BETWEEN) if is_own else (SAME_TASK, NETWORKS)
    sides = [name, tasks, classes, other, their_tasks, their_classes]
    return pd.DataFrame(
        {"pair": np.where(tasks == their_tasks, same, different)}
        | dict(zip(SIDES, sides, strict=True))
        | {"cosine": cosines[first, second]}
    )
