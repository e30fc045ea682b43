"""Numbers of several networks in one cell of a table."""

from collections.abc import Iterable

import numpy as np

LEVEL = 0.05


def say_spread(values: Iterable[float]) -> str:
    """Mean and standard deviation over networks."""
    found = np.array([*values], dtype=float)
    if np.isnan(found).all():
        return "-"
    if len(found) == 1:
        return f"{found[0]:.3f}"
    return f"{found.mean():.3f} ± {found.std(ddof=1):.3f}"


def count_alarms(pvalues: Iterable[float]) -> str:
    """How many p-values are at most 5 %, of those that there are."""
    found = np.array([*pvalues], dtype=float)
    known = found[~np.isnan(found)]
    return f"{(known <= LEVEL).sum()} of {len(known)}" if len(known) else "-"
