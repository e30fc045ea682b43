"""Mean and spread over several networks, such as the seeds or folds of one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sklearn_wsca._input.table import level_index, name_index
from sklearn_wsca._networks.agreement import (
    NUMBERS,
    Analysed,
    numbers_of,
    read_analyses,
    refuse_twice,
    rows_of,
)
from sklearn_wsca._networks.result import NetworkSpread
from sklearn_wsca._verdicts.registry import VERDICTS

LEVELS = ["column", "number"]
METRIC_LEVELS = ["column", "metric"]


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
    >>> import numpy as np
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
    refuse_twice(every)
    names = list(every[0].table.index)
    values = _values(every, names)
    verdicts = pd.DataFrame(
        {one.name: rows_of(one, names)["verdict"].to_numpy() for one in every},
        name_index(names),
    )
    counts = {word: (verdicts == word).sum(axis=1).astype(int) for word in VERDICTS}
    return NetworkSpread(
        _spread(values),
        values,
        verdicts,
        pd.DataFrame(counts, verdicts.index),
        _spread(_metrics(every, names)),
    )


def _values(every: list[Analysed], names: list) -> pd.DataFrame:
    """Numbers of every network: one row per column and number."""
    labels = [name for name in names for _ in NUMBERS]
    index = level_index([labels, [*NUMBERS] * len(names)], LEVELS)
    return pd.DataFrame(
        {
            one.name: numbers_of(one, names).to_numpy(dtype=float).ravel()
            for one in every
        },
        index,
    )


def _metrics(every: list[Analysed], names: list) -> pd.DataFrame:
    """Encoding metrics of the networks that tell: a row per column and metric."""
    tables = {one.name: one.metrics for one in every if one.metrics is not None}
    keys = []
    for table in list(tables.values())[:1]:
        keys = [(n, m) for n in names if n in table.index for m in table.columns]
    labels = [list(part) for part in zip(*keys, strict=True)] or [[], []]
    values = {
        network: [table[m].iloc[table.index.get_loc(n)] for n, m in keys]
        for network, table in tables.items()
    }
    index = level_index(labels, METRIC_LEVELS)
    return pd.DataFrame(values, index, dtype=float).dropna(how="all")


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
