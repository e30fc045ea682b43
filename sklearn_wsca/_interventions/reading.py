"""From names of units and levels to who was seen under what; what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from sklearn_wsca._input.numeric_values import LeftOutError, numbers_or_none
from sklearn_wsca._input.typed_columns import kind_by_looks
from sklearn_wsca._interventions.design import Design
from sklearn_wsca._text import list_first, quote
from sklearn_wsca._utilization.effects import ALL
from sklearn_wsca._utilization.rare_levels import MOST_RARE_SHARE, in_few_units

FEWEST_CLUSTERS = 3
SHOWN = 3
THIRDS = (1 / 3, 2 / 3)


def make_design(
    unit: pd.Series,
    level: pd.Series,
    repeats: pd.Series | None,
    target: pd.Series | None,
    groups: pd.Series | None,
) -> tuple[Design, list, np.ndarray]:
    """Design of the rows, names of the classes, and the order that sorts them into it.

    Raises
    ------
    ValueError
        If a name is missing, a unit has two classes or groups, was seen once, or twice
        under a level without repeats, or if too little is left to compare.
    """
    unit_of, units = _codes(unit, "unit")
    level_of, levels = _codes(level, "level", sort=True)
    if len(levels) < 2:
        raise ValueError(
            f"level: all {len(level_of)} rows have the level {quote(levels[0])}; pass "
            "the same units under at least two levels."
        )
    repeat_of = np.zeros(len(unit_of), dtype=np.intp)
    if repeats is not None:
        repeat_of, _ = _codes(repeats, "repeats")
    slot = level_of * (repeat_of.max() + 1) + repeat_of
    order = np.lexsort((slot, unit_of))
    _check_cells(unit_of, level_of, slot, units, levels, repeats is not None)
    n_units = len(units)
    class_of = np.zeros(n_units, dtype=np.intp)
    names: list = []
    if target is not None:
        class_of, names = _codes(target, "target", sort=True)
        class_of = _of_units(class_of, unit_of, units, "target")
    clusters = np.arange(n_units)
    if groups is not None:
        clusters = _of_units(_codes(groups, "groups")[0], unit_of, units, "groups")
    design = Design(
        unit_of[order],
        level_of[order],
        slot[order],
        class_of,
        clusters,
        units,
        levels,
    )
    _check_connected(design)
    return design, names, order


def leave_out_rare(
    columns: dict[str, pd.Series | None],
) -> tuple[np.ndarray, list[str]]:
    """Rows of levels that enough units were seen under: (n,), bool; what to say of it.

    Moves are averaged over pairs of levels, so that a level that few units were seen
    under would decide as much as any other. Units, or groups of them, are counted.
    Where such levels are what was seen, they stay, which is said of those that fewer
    units were seen under than two others.
    """
    unit, level, groups = columns["unit"], columns["level"], columns["groups"]
    assert unit is not None and level is not None
    clusters = unit if groups is None else groups
    counts = clusters.groupby(level.to_numpy(), sort=False, observed=True).nunique()
    few = counts[in_few_units(counts.to_numpy(), clusters.nunique())]
    every = np.ones(len(level), dtype=bool)
    stay = few.sum() > MOST_RARE_SHARE * counts.sum()
    if stay:
        few = few[few < counts.nlargest(2).min()]
    if few.empty:
        return every, []
    what = "units" if groups is None else "groups"
    names = list_first(
        list(few.items()), SHOWN, lambda one: f"{quote(one[0])} ({one[1]} {what})"
    )
    if stay:
        return every, [
            f"level: few {what} were seen under {names}, which stay because such "
            "levels are more than a fifth of what was seen: they decide as much as "
            "others, so intervals are wide, and those of such a level by itself are "
            "less reliable."
        ]
    kept = ~level.isin(few.index).to_numpy()
    n_levels = level[kept].groupby(unit[kept].to_numpy()).nunique()
    once = n_levels.index[n_levels < 2]
    kept &= ~unit.isin(once).to_numpy()
    also = f", and {len(once)} units that are left with one level" if len(once) else ""
    return kept, [
        f"level: few {what} were seen under {names}: rows under such levels are left "
        f"out{also}."
    ]


def read_classes(
    design: Design, values: list, outputs: np.ndarray
) -> tuple[Design, list, bool]:
    """Design with thirds of a target that is continuous; names of the classes."""
    if not values:
        return design, [ALL], False
    of_units = pd.Series(values, dtype=object).iloc[design.classes].infer_objects()
    try:
        numbers = numbers_or_none(of_units)
    except LeftOutError as reason:
        raise ValueError(f"target: it {reason}.") from reason
    few = 2 <= len(values) <= outputs.shape[1]
    if few or numbers is None or kind_by_looks(numbers) == "categorical":
        names = [f"class {ALL!r}" if name == ALL else name for name in values]
        return design, names, False
    thirds = np.digitize(numbers, np.quantile(numbers, THIRDS))
    thirds = np.unique(thirds, return_inverse=True)[1]
    parts = [numbers[thirds == code] for code in range(thirds.max() + 1)]
    names = [f"{part.min():.4g} to {part.max():.4g}" for part in parts]
    return replace(design, classes=thirds), names, True


def explain_missing_pairs(design: Design) -> list[str]:
    """Say which levels no unit was seen under together."""
    every = combinations(range(design.n_levels), 2)
    missing = [pair for pair in every if design.shared[pair] == 0]
    if not missing:
        return []
    names = [tuple(design.levels[code] for code in pair) for pair in missing]
    words = list_first(names, SHOWN, lambda pair: " and ".join(map(quote, pair)))
    return [
        f"level: no unit was seen under {words}: how far single units move, and which "
        "decisions change, is said of the other pairs of levels."
    ]


def explain_no_repeats(design: Design, repeats: pd.Series | None) -> list[str]:
    """Say that repeats were named, and there is none."""
    if repeats is None or design.has_repeats:
        return []
    return [
        "repeats: no unit was seen twice under a level, so the noise of repeats is "
        "part of the sensitivity."
    ]


def explain_exchanged(design: Design) -> list[str]:
    """Say that unit and level may have been taken for each other."""
    if design.n_levels <= design.n_units:
        return []
    return [
        f"level: there are {design.n_levels} levels and {design.n_units} units, fewer; "
        "check that the two are not exchanged."
    ]


def explain_few_arrangements(design: Design, significance: float) -> list[str]:
    """Say that no p-value can be small, where there are too few ways to permute."""
    floor = float(np.exp(-design.log_arrangements))
    if floor <= significance:
        return []
    return [
        f"unit: {design.n_clusters} of them allow so few permutations that no p-value "
        f"can be below {floor:.2g}; see more units, or more repeats, to reach "
        f"significance={significance:g}."
    ]


def _codes(
    series: pd.Series, argument: str, sort: bool = False
) -> tuple[np.ndarray, list]:
    """Codes and names of an argument that must be there in every row."""
    missing = np.flatnonzero(series.isna().to_numpy())
    if len(missing):
        raise ValueError(
            f"{argument}: {len(missing)} of {len(series)} rows have none, the first of "
            f"them row {missing[0]} (counted from 0); leave these rows out."
        )
    values = pd.Index(series.astype(object), dtype=object)
    try:
        codes, names = pd.factorize(values)
    except TypeError as error:
        raise ValueError(
            f"{argument}: {series.name!r} holds values that cannot be names, such as "
            f"{series.iloc[0]!r}; pass numbers or text."
        ) from error
    _check_types(names, argument)
    if not sort:
        return np.asarray(codes, dtype=np.intp), list(names)
    if isinstance(series.dtype, pd.CategoricalDtype):
        known = [name for name in series.cat.categories if name in set(names)]
    else:
        known = sorted(names, key=lambda name: (isinstance(name, str), name))
    place = {name: i for i, name in enumerate(known)}
    rank = np.array([place[name] for name in names], dtype=np.intp)
    return rank[codes], known


def _check_types(names: Sequence, argument: str) -> None:
    """Raise if a name stands there both as a number and as text."""
    first: dict[str, object] = {}
    for name in names:
        other = first.setdefault(str(name), name)
        if other is not name:
            raise ValueError(
                f"{argument}: {other!r} and {name!r} differ in type only; bring them "
                "to one type, for example by .astype(str)."
            )


def _check_cells(unit, level, slot, units, levels, has_repeats: bool) -> None:
    """Raise for rows that are twice the same, and for units under one level only."""
    table = pd.DataFrame({"unit": unit, "level": level, "slot": slot})
    twice = np.flatnonzero(table.duplicated(["unit", "slot"]).to_numpy())
    if len(twice):
        row = twice[0]
        name, under = quote(units[unit[row]]), quote(levels[level[row]])
        where = f"unit {name} under level {under}"
        if has_repeats:
            raise ValueError(
                f"repeats: {where} has two rows of the same repeat, and "
                f"{len(twice)} rows in all are such; number the repeats of a unit "
                "under a level, or name smaller units."
            )
        raise ValueError(
            f"unit: {where} has several rows, and {len(twice)} rows in all are such; "
            "pass repeats, the number of the scan, if they repeat the same, or name "
            "smaller units, such as the image, with the patient as groups."
        )
    n_seen = np.unique(np.stack([unit, level]), axis=1)[0]
    n_levels = np.bincount(n_seen, minlength=len(units))
    once = np.flatnonzero(n_levels < 2)
    if len(once):
        found = units[once[0]]
        raise ValueError(
            f"unit: {len(once)} of {len(units)} units were seen under one level only, "
            f"such as {list_first([units[i] for i in once], SHOWN, quote)}; an "
            "intervention shows the same unit under several levels: leave the rows of "
            f"{quote(found) if len(once) == 1 else 'these units'} out, or check the "
            "names of the units."
        )


def _of_units(codes: np.ndarray, unit: np.ndarray, units: list, argument: str):
    """Code of each unit, which all of its rows must have."""
    first = np.unique(unit, return_index=True)[1]
    of_unit = codes[first]
    differs = np.flatnonzero(codes != of_unit[unit])
    if len(differs):
        raise ValueError(
            f"{argument}: unit {quote(units[unit[differs[0]]])} has several; the "
            f"{argument} of a unit must be the same in all of its rows."
        )
    return of_unit


def _check_connected(design: Design) -> None:
    """Raise if levels cannot be compared, or too few units would do it."""
    if design.n_clusters < FEWEST_CLUSTERS:
        what = "groups" if design.n_clusters < design.n_units else "units"
        raise ValueError(
            f"{'groups' if what == 'groups' else 'unit'}: there are "
            f"{design.n_clusters} {what} under several levels, fewer than the "
            f"{FEWEST_CLUSTERS} that are needed."
        )
    reached, edge = {0}, {0}
    while edge:
        near = {int(j) for i in edge for j in np.flatnonzero(design.shared[i])}
        edge = near - reached
        reached |= near
    apart = [name for i, name in enumerate(design.levels) if i not in reached]
    if apart:
        raise ValueError(
            f"level: no unit links {list_first(apart, SHOWN, quote)} with "
            f"{quote(design.levels[0])}, directly or through other levels; leave the "
            "rows of one side out."
        )
