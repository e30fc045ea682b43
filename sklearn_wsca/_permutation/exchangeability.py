"""What may be exchanged under the null: rows, groups, rows in groups, or both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special

from sklearn_wsca._backend.namespace import to_same_device
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.groups import (
    Groups,
)
from sklearn_wsca._permutation.plan import (
    exchange_groups,
    permutation_sources,
    permute_within,
)

Scheme = Literal["rows", "between groups", "within groups", "between and within groups"]
FEWEST_UNITS = 20
# Where rows are exchanged within groups, so many must hold different values.
FEWEST_VARYING_GROUPS = 5
# Groups are held fixed, and rows exchanged within them, where no more than this share
# of the variation of a column lies between them.
LARGEST_SHARE_BETWEEN = 0.2


@dataclass(frozen=True)
class Exchangeability:
    """How the entries of a column may be permuted.

    Parameters
    ----------
    scheme : {"rows", "between groups", "within groups", "between and within groups"}
        What is exchanged. In the last, a group takes all that another one has, in
        random order: repeated or cut where their sizes differ.
    keys : ndarray of shape (n_units,), dtype int
        Row of the table that stands for each unit, rising. A permutation gives the
        units the order that these rows have in a random order of all rows of the table.
    unit : ndarray of shape (n_observed,), dtype int
        Unit of each entry.
    first : ndarray of shape (n_units,), dtype int
        An entry of each unit.
    clusters : ndarray of shape (n_observed,), dtype int
        Group of each entry, numbered from 0; the entry itself without groups.
    strata : ndarray of shape (n_units,), dtype int, or None
        Units are exchanged within these only.
    within_target : bool
        Whether the strata keep the target of every entry.
    """

    scheme: Scheme
    keys: np.ndarray
    unit: np.ndarray
    first: np.ndarray
    clusters: np.ndarray
    strata: np.ndarray | None = None
    within_target: bool = False

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.keys)

    def describe(self, residuals: bool = False) -> str:
        """What is permuted, in words; `residuals` of it, after Freedman and Lane."""
        what = {
            "rows": "rows",
            "between groups": "groups",
            "within groups": "rows within groups",
            "between and within groups": "groups with the rows in them",
        }[self.scheme]
        if residuals:
            what = f"residuals (Freedman-Lane) of {what}"
        return f"{what} within levels of the target" if self.within_target else what

    @property
    def varies_within_groups(self) -> bool:
        """Whether entries of one group are units of their own."""
        return self.scheme in ("within groups", "between and within groups")

    def unit_sources(self, orders: Any) -> Any:
        """Which unit each unit takes its value from: (p, n_units)."""
        if self.scheme == "between and within groups":
            entries = permutation_sources(orders, self.keys)
            return exchange_groups(entries, self.clusters, self._group_strata())
        return permutation_sources(orders, self.keys, self.strata)

    def moves_like(self, other: Exchangeability) -> bool:
        """Whether all orders move the units of both alike."""
        parts = [
            (one.scheme, one.keys, one._all_strata(), one.clusters)
            for one in (self, other)
        ]
        return all(map(np.array_equal, *parts))

    def fingerprint(self) -> bytes:
        """The same for all whose units are moved alike."""
        found = blake2b(self.scheme.encode(), digest_size=16)
        for part in (self.keys, self._all_strata(), self.clusters):
            found.update(np.ascontiguousarray(part).tobytes())
        return found.digest()

    def _group_strata(self) -> np.ndarray | None:
        """Stratum of every group; None where there are none."""
        if self.strata is None:
            return None
        return self.strata[np.unique(self.clusters, return_index=True)[1]]

    def sources(self, orders: Any) -> Any:
        """Which entry each entry takes its value from: (p, n_observed)."""
        return self.entry_sources(self.unit_sources(orders))

    def entry_sources(self, sources: Any) -> Any:
        """The same from the sources of the units."""
        if self.scheme != "between groups":
            return sources
        first = to_same_device(self.first, sources)
        return first[sources][:, to_same_device(self.unit, sources)]

    def sources_by_slot(self, orders: Any, fold: np.ndarray, slots: np.ndarray) -> Any:
        """Sources of the entries in `slots`, which sort them by fold: (p, n_observed).

        Nothing leaves its fold; groups lie in one fold as a whole.
        """
        if self.scheme == "rows":
            return permute_within(orders, self.keys, fold)[1]
        if self.scheme == "within groups":
            sources = self.sources(orders)
        else:
            sources = self.within(fold[self.first]).sources(orders)
        return sources[:, to_same_device(slots, sources)]

    def within(self, strata: np.ndarray | None, of_target: bool = False):
        """Return the same with (further) strata of the units."""
        if strata is None:
            return self
        if self.strata is not None:
            pairs = np.stack([self.strata, strata], axis=1)
            strata = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
        return replace(self, strata=strata, within_target=of_target)

    def _all_strata(self) -> np.ndarray:
        """Stratum of every unit; a single one where there are none."""
        return np.zeros(self.n_units, int) if self.strata is None else self.strata

    def n_exchangeable(self, labels: np.ndarray) -> int:
        """Units in strata that hold more than one value of the column."""
        values, strata = self._values(labels)
        table = pd.Series(values).groupby(strata)
        return int(table.size()[table.nunique() > 1].sum())

    def log10_arrangements(self, labels: np.ndarray) -> float:
        """Logarithm of the number of different columns that permutations can give.

        The order of the rows within exchanged groups is not counted.
        """
        values, strata = self._values(labels)
        values = np.unique(values, return_inverse=True)[1]
        total = special.gammaln(np.bincount(strata) + 1.0).sum()
        cells = np.unique(np.stack([strata, values]), axis=1, return_counts=True)[1]
        return float((total - special.gammaln(cells + 1.0).sum()) / np.log(10.0))

    def _values(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each exchanged unit holds, as something that compares; its stratum."""
        if self.scheme != "between and within groups":
            return labels[self.first], self._all_strata()
        first = np.unique(self.clusters, return_index=True)[1]
        return _number_held(labels, self.clusters), self._all_strata()[first]


def share_sources(
    several: list[Exchangeability], orders: Any
) -> Iterator[tuple[int, Any]]:
    """Number of each, and the sources of its units: found once where moved alike."""
    for numbers in _moved_alike(several):
        sources = several[numbers[0]].unit_sources(orders)
        for number in numbers:
            yield number, sources


def _moved_alike(several: list[Exchangeability]) -> list[list[int]]:
    """Numbers of those together whose units all orders move alike."""
    found: list[list[int]] = []
    for number, exchange in enumerate(several):
        for alike in found:
            if exchange.moves_like(several[alike[0]]):
                alike.append(number)
                break
        else:
            found.append([number])
    return found


def _number_held(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Numbers of groups, the same for those that hold the same labels equally often."""
    ordered, sizes = labels[np.lexsort((labels, groups))], np.bincount(groups)
    starts, numbers, n_found = np.cumsum(sizes) - sizes, np.empty_like(sizes), 0
    for size in np.unique(sizes):
        own = np.flatnonzero(sizes == size)
        held = ordered[starts[own, None] + np.arange(size)]
        different, number = np.unique(held, axis=0, return_inverse=True)
        numbers[own] = n_found + number.ravel()
        n_found += len(different)
    return numbers


def exchange_units(
    column: Column, groups: Groups | None, both: bool = True
) -> Exchangeability:
    """What of a column is exchanged: rows without groups.

    Groups where the column is constant in each; rows within groups where it hardly
    differs between them, or there are few; else groups with the rows in them (unless
    `both` is False, for statistics that hold groups fixed). The column must have a
    group wherever it is observed: see `restrict_to_groups`.
    """
    entries = np.arange(len(column.rows))
    if groups is None:
        return Exchangeability("rows", column.rows, entries, entries, entries)
    codes = groups.codes[column.rows]
    present, first, unit = np.unique(codes, return_index=True, return_inverse=True)
    held = column.identities()
    if (held == held[first][unit]).all():
        keys = groups.first_rows()[present]
        return Exchangeability("between groups", keys, unit, first, unit)
    share = share_between(column.numbers(), unit)
    # A few groups can be exchanged in a few ways only; the rows in them in many.
    if both and share > LARGEST_SHARE_BETWEEN and len(first) >= FEWEST_UNITS:
        scheme: Scheme = "between and within groups"
        return Exchangeability(scheme, column.rows, entries, entries, unit)
    return Exchangeability("within groups", column.rows, entries, entries, unit, unit)


def share_between(values: np.ndarray, groups: np.ndarray) -> float:
    """Share of the variation of values (n, q) that lies between groups."""
    means = pd.DataFrame(values).groupby(groups).transform("mean").to_numpy()
    within = float(np.sum((values - means) ** 2))
    return 1.0 - within / float(np.sum((values - values.mean(axis=0)) ** 2))


def constant_in_units(exchange: Exchangeability, labels: np.ndarray) -> bool:
    """Whether labels of the entries are the same in all that is one unit.

    That is a group where groups are exchanged; where rows are exchanged within groups
    it is a group too, since no exchange within it then changes anything.
    """
    if exchange.scheme == "rows":
        return True
    _, first = np.unique(exchange.clusters, return_index=True)
    return bool((labels == labels[first][exchange.clusters]).all())


def target_strata(
    exchange: Exchangeability, target: Column | None
) -> np.ndarray | None:
    """Level of the target per unit, where it has levels and is constant in each unit.

    The target must be observed on the entries.
    """
    if target is None or not target.n_levels:
        return None
    if not constant_in_units(exchange, target.labels):
        return None
    return target.labels[exchange.first]
