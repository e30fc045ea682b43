"""What an audit of each column could find, or why it could not judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._input.groups import count_units
from sklearn_wsca._screening.detectable import SimulatedAudits
from sklearn_wsca._screening.simulated_outputs import Assumptions
from sklearn_wsca._utilization.adjusted_effect import Prepared, prepare
from sklearn_wsca._utilization.decision import Decision

# What is said of a column in a word.
ENOUGH, TOO_SMALL = "enough", "too small"
UNTESTABLE, LEFT_OUT = "untestable", "left out"
STEP = "detectable"


@dataclass(frozen=True)
class Prospect:
    """What an audit of one column could find.

    Parameters
    ----------
    outlook : {"enough", "too small", "untestable"}
        See `MetadataScreen`.
    reason : str
        Why it is untestable, or "".
    n_units : int
        Rows, or groups, that are compared.
    beside : tuple
        Levels that are no part of the headline.
    detectable : float
        Utilization that is found; NaN where none is.
    units_needed : float
        Units with which the margin is found; NaN where there are enough, or no number
        is.
    rarest : object
        Level in the fewest units, of more than two that are compared; else None.
    rarest_detectable : float
        Utilization that is found where outputs differ under that level only.
    """

    outlook: str
    reason: str = ""
    n_units: int = 0
    beside: tuple = ()
    detectable: float = float("nan")
    units_needed: float = float("nan")
    rarest: Any = None
    rarest_detectable: float = float("nan")


def foresee(
    decision: Decision,
    columns: Mapping[Any, Column],
    assumptions: Assumptions,
    min_effect: float,
    significance: float,
    seed: int,
    runner: Any,
) -> dict[Any, Prospect]:
    """Prospects of every column, with one correction over those that are testable."""
    prepared: dict[Any, Prepared] = {}
    prospects: dict[Any, Prospect] = {}
    for name, column in columns.items():
        reason = why_untestable(decision, column)
        if isinstance(reason, str):
            n_units = _count_units(decision, column)
            prospects[name] = Prospect(UNTESTABLE, reason, n_units)
        else:
            prepared[name] = reason
    jobs = [
        partial(
            _foresee,
            decision=decision,
            found=found,
            assumptions=assumptions,
            min_effect=min_effect,
            level=significance / len(prepared),
            seed=seed,
        )
        for found in prepared.values()
    ]
    found = dict(zip(prepared, runner.run(STEP, jobs), strict=True))
    return {name: (prospects | found)[name] for name in columns}


def why_untestable(decision: Decision, column: Column) -> Prepared | str:
    """The column as an audit compares it, or why no audit could, whatever the outputs.

    That is told by the audit's own steps on outputs of noise.
    """
    noise = np.random.default_rng(0).standard_normal((len(decision.weights), 1))
    try:
        return prepare(replace(decision, outputs=noise), column)
    except LeftOutError as reason:
        return str(reason)


def _foresee(
    T,
    decision: Decision,
    found: Prepared,
    assumptions: Assumptions,
    min_effect: float,
    level: float,
    seed: int,
) -> Prospect:
    n_units = _count_units(decision, found.common)
    prospect = Prospect(TOO_SMALL, n_units=n_units, beside=tuple(found.rare))
    arrangements = found.model.exchange.log10_arrangements(found.common.labels)
    if arrangements < -np.log10(level):
        reason = (
            f"its units have {round(10**arrangements)} different arrangements, so no "
            f"p-value can be as small as {level:.2g}"
        )
        return replace(prospect, outlook=UNTESTABLE, reason=reason)
    audits = SimulatedAudits(decision, found.common, assumptions, level, seed)
    detectable = audits.detectable()
    utilization = detectable.utilization
    if found.common.n_levels > 2:
        prospect = replace(prospect, **_judge_rarest(audits))
    return replace(
        prospect,
        outlook=ENOUGH if utilization <= min_effect else TOO_SMALL,
        detectable=utilization,
        units_needed=detectable.units_for(min_effect, n_units),
    )


def _judge_rarest(audits: SimulatedAudits) -> dict[str, Any]:
    """The level in the fewest units, and what is found of it alone."""
    column, groups = audits.column, audits.decision.groups
    units = column.rows if groups is None else groups.codes[column.rows]
    rarest = int(count_units(column, units).argmin())
    found = replace(audits, only=rarest).detectable()
    return {
        "rarest": column.levels[rarest],
        "rarest_detectable": found.utilization,
    }


def _count_units(decision: Decision, column: Column) -> int:
    if decision.groups is None:
        return len(column.rows)
    return len(np.unique(decision.groups.codes[column.rows]))
