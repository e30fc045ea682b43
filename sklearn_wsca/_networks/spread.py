"""Mean and spread over several networks, such as the seeds or folds of one."""

from __future__ import annotations

import warnings
from itertools import combinations

import numpy as np
import pandas as pd

from sklearn_wsca._input.table import level_index, name_index
from sklearn_wsca._networks.agreement import Analysed, read_analyses
from sklearn_wsca._networks.result import NetworkSpread
from sklearn_wsca._text import quote
from sklearn_wsca._verdict import VERDICTS

# Columns of the summary whose spread tells something.
NUMBERS = (
    "utilization",
    "utilization_balanced",
    "probability_shift",
    "encoding_score",
    "encoding_skill",
    "alignment_score",
)
# Those that hang on no random folds, and how far one network may be from itself.
EXACT = ("utilization", "utilization_balanced", "probability_shift", "alignment_score")
SAME = 1e-9
LEVELS = ["column", "number"]


def network_spread(analyses):
    r"""How far do several seeds or folds of one network differ?

    Mean and standard deviation over the networks, as tables of papers have them, and
    how many of them use each column.

    Parameters
    ----------
    analyses : list or dict
        At least two fitted `WeightSpaceCorrelation`, or tables of their `audit`, of
        networks that decide the same: each with its own embeddings and head, all of the
        same rows, columns and settings. A dict names the networks.

    Returns
    -------
    NetworkSpread
        Tables of means and standard deviations, numbers of every network, and verdicts.

    Raises
    ------
    TypeError, ValueError
        If these are no such analyses, fewer than two, one comes twice, or they are of
        other rows, columns, settings, or outputs of the head. The message names the
        networks, and what differs.

    See Also
    --------
    compare_utilization : Do two networks differ by more than chance?

    Notes
    -----
    The standard deviation over :math:`K` networks,

    .. math:: s = \sqrt{\frac{1}{K - 1} \sum_k (u_k - \bar u)^2},

    says how far networks differ on these rows. All of them see the same patients, so it
    says nothing of other patients: the interval of each network does, and neither
    :math:`s` nor :math:`s / \sqrt{K}` replaces it. A utilization has no values below 0,
    so where networks do not use a column the mean is above 0.

    Examples
    --------
    >>> import warnings
    from itertools import combinations

    import numpy as np
    >>> from sklearn_wsca import WeightSpaceCorrelation, network_spread
    >>> from sklearn_wsca.datasets import make_shortcut
    >>> study = make_shortcut(400, 16, use=0.5, random_state=0)
    >>> coef, intercept = study.head
    >>> rng = np.random.default_rng(0)
    >>> analyses = {}
    >>> for seed in range(3):  # As if each had been trained from another start.
    ...     head = coef + 0.1 * rng.standard_normal(coef.shape), intercept
    ...     analysis = WeightSpaceCorrelation(
    ...         "target", target_head=head, n_permutations=99, random_state=0
    ...     )
    ...     analyses[f"seed {seed}"] = analysis.fit(study.data, study.metadata)
    >>> found = network_spread(analyses)
    >>> int(found.verdict_counts.loc["scanner", "used"])
    3
    >>> row = found.table.loc[("scanner", "utilization")]
    >>> bool(row["lowest"] < row["mean"] < row["highest"])
    True
    """
    every = read_analyses(analyses)
    names = list(every[0].table.index)
    values = _values(every, names)
    for message in _describe_twins(values):
        warnings.warn(message, UserWarning, stacklevel=2)
    verdicts = pd.DataFrame(
        {one.name: _rows(one, names)["verdict"].to_numpy() for one in every},
        name_index(names),
    )
    counts = {word: (verdicts == word).sum(axis=1).astype(int) for word in VERDICTS}
    return NetworkSpread(
        _spread(values), values, verdicts, pd.DataFrame(counts, verdicts.index)
    )


def _describe_twins(values: pd.DataFrame) -> list[str]:
    """Say that one network may have been analysed twice."""
    own = values[values.index.get_level_values("number").isin(EXACT)]
    found = []
    for one, other in combinations(own, 2):
        a, b = own[one].to_numpy(), own[other].to_numpy()
        known = np.nansum(np.abs(a)) > 0.0
        if known and np.allclose(a, b, rtol=SAME, atol=SAME, equal_nan=True):
            found.append(
                f"analyses: {quote(one)} and {quote(other)} have the same utilization "
                "and alignment of every column: was the same network given twice?"
            )
    return found


def _rows(one: Analysed, names: list) -> pd.DataFrame:
    """Table of a network in the order of the columns."""
    return one.table.iloc[[one.table.index.get_loc(name) for name in names]]


def _values(every: list[Analysed], names: list) -> pd.DataFrame:
    """Numbers of every network: one row per column and number."""
    labels = [name for name in names for _ in NUMBERS]
    index = level_index([labels, [*NUMBERS] * len(names)], LEVELS)
    return pd.DataFrame(
        {
            one.name: _rows(one, names)[list(NUMBERS)].to_numpy(dtype=float).ravel()
            for one in every
        },
        index,
    )


def _spread(values: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation and range over the networks that have the number."""
    numbers = values.to_numpy()
    return pd.DataFrame(
        {
            "mean": values.mean(axis=1),
            "standard_deviation": values.std(axis=1, ddof=1),
            "lowest": values.min(axis=1),
            "highest": values.max(axis=1),
            "n_networks": np.isfinite(numbers).sum(axis=1),
        },
        values.index,
    )
