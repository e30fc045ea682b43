"""What is said of a table before there is a network."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._plain_values import as_plain
from sklearn_wsca._screening.advice import advise, is_copy
from sklearn_wsca._screening.counts import EMPTY, FEW
from sklearn_wsca._screening.prospects import (
    ENOUGH,
    LEFT_OUT,
    TOO_SMALL,
    UNTESTABLE,
)
from sklearn_wsca._text import (
    column_text,
    encodable,
    format_number,
    format_pvalue,
    is_nothing,
    list_first,
    plain_text,
    quote,
)

OUTLOOKS = (ENOUGH, TOO_SMALL, UNTESTABLE, LEFT_OUT)
COLUMNS = (
    "kind",
    "n_samples",
    "n_units",
    "n_levels",
    "target_association",
    "association_pvalue",
    "n_empty_cells",
    "n_few_cells",
    "minimum_detectable_effect",
    "rarest_level",
    "rarest_level_effect",
    "units_needed",
    "outlook",
    "reason",
)
CELLS_SHOWN = 3
VERBS = {
    EMPTY: ("does not occur", "do not occur"),
    FEW: ("has few units", "have few units"),
}
# How much larger an effect must be to be mentioned.
CLEARLY = 1.1
# An association below this explains less than 1 % of the target.
WEAK = 0.1


@dataclass(frozen=True)
class MetadataScreen:
    """Which columns could be shortcuts, and what an audit of the table would find.

    Parameters
    ----------
    columns : DataFrame
        One row per column: kind, n_samples and n_units (rows, and groups, on which it
        would be audited), n_levels, target_association (0 to 1; of what is
        left out, for copies of the target only) and
        association_pvalue (of permutations of groups), n_empty_cells and n_few_cells
        (combinations with a class of the target that do not occur, and that fewer than
        10 units have), minimum_detectable_effect (utilization that is found in 80 % of
        simulated networks; NaN where none is), rarest_level and rarest_level_effect
        (of more than two levels that in the fewest units, and the utilization that is
        found where outputs differ under it only), units_needed (units like these with
        which `min_effect` is; NaN where there are enough, or no number is), outlook
        ("enough": `min_effect` is found; "too small": only larger uses are, or none;
        "untestable": no audit of these rows can judge it; "left out": an audit would
        not read it) and reason (of the last two).
    levels : DataFrame
        Indexed by column, level and target_class ("all" for all classes; thirds of a
        continuous target): n_rows, n_units and finding ("empty", "few": fewer than 10
        units; "beside the headline": a level in so few units that it has its own effect
        only; "not used": a level of fewer than 3 rows, or groups).
    confusable : DataFrame
        Pairs of columns that are associated above 0.5, indexed by column and fixed:
        association, and reason: why an audit could not judge the column with the other
        one held fixed too, or "".
    target, groups : object
        Names of the columns; groups may be None.
    confounders : list
        What else is held fixed.
    n_samples, n_used : int
        Rows of the table, and those that have a value of target, groups and
        confounders.
    min_effect, significance : float
        Margin and level of the audit.
    auroc, intraclass_correlation : float
        What was assumed of the networks.
    notes : tuple of str, default=()
        What a reader must know besides.

    See Also
    --------
    screen_metadata : What makes it.

    Examples
    --------
    >>> from sklearn_wsca import screen_metadata
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> table = load_heart_hospitals().metadata[["disease", "sex"]].head(300)
    >>> found = screen_metadata(table, "disease", n_permutations=99, random_state=0)
    >>> print(found.next_steps()[-1])
    Then train, and audit on rows that the network has not seen, with these columns
    named beforehand: 'sex'.
    """

    columns: pd.DataFrame
    levels: pd.DataFrame = field(repr=False)
    confusable: pd.DataFrame = field(repr=False)
    target: Any
    groups: Any
    confounders: list
    n_samples: int
    n_used: int
    min_effect: float
    significance: float
    auroc: float
    intraclass_correlation: float
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as plain values.

        Returns
        -------
        dict
            Of types that JSON has; NaN becomes None. Each of `columns` has its name,
            its sentence, and the counts of its levels; `next_steps` are sentences.
        """
        tables = ("columns", "levels", "confusable")
        found = {
            f.name: getattr(self, f.name) for f in fields(self) if f.name not in tables
        }
        found["target"] = column_text(self.target)
        found["groups"] = None if self.groups is None else column_text(self.groups)
        found["confounders"] = [column_text(name) for name in self.confounders]
        found["notes"] = [*self.notes]
        found["columns"] = [
            {"name": column_text(name), "sentence": self.to_text(name)}
            | as_plain(_with_text(row))
            | {"levels": self._levels_of(name), "confusable": self._pairs_of(name)}
            for name, row in zip(
                self.columns.index, self.columns.to_dict("records"), strict=True
            )
        ]
        found["next_steps"] = self.next_steps()
        return found

    def to_text(self, column: Any = None) -> str:
        """Say what was found in sentences.

        Parameters
        ----------
        column : object, default=None
            Name of one column; None for all, and what to do next.

        Returns
        -------
        str
            One line per column.
        """
        if column is None:
            lines = [self.to_text(name) for name in self.columns.index]
            return "\n".join([*lines, *self.next_steps()])
        row = self.columns.iloc[self.columns.index.get_loc(column)]
        name = quote(column_text(column))
        if is_copy(row):
            return encodable(
                f"{name} could be a shortcut, and there is no stronger one: it "
                f"{row['reason']}. An audit leaves it out."
            )
        if row["outlook"] == LEFT_OUT:
            return encodable(f"{name}: an audit leaves it out: {row['reason']}.")
        parts = [self._association(row), self._outlook(row), *self._cells(column, row)]
        return encodable(f"{name} {'. '.join(part for part in parts if part)}.")

    def next_steps(self) -> list[str]:
        """Say what to do before a network is trained, and before it is audited.

        Returns
        -------
        list of str
            Sentences.
        """
        return advise(self.columns, self.confusable, self.min_effect, self._about)

    def _association(self, row: pd.Series) -> str:
        target, pvalue = quote(column_text(self.target)), row["association_pvalue"]
        strength = format_number(row["target_association"])
        if is_nothing(pvalue):
            return f"goes with {target} by {strength}, which is not tested"
        numbers = f"association {strength}, {format_pvalue(pvalue)}"
        if pvalue <= self.significance:
            how = "goes weakly" if row["target_association"] < WEAK else "goes"
            return f"could be a shortcut: it {how} with {target} ({numbers})"
        return f"is not shown to go with {target} ({numbers})"

    def _outlook(self, row: pd.Series) -> str:
        if row["outlook"] == UNTESTABLE:
            return f"No audit of these rows can judge it: {row['reason']}"
        size = f"An audit of its {self._count_units(row['n_units'])}"
        detectable = row["minimum_detectable_effect"]
        if is_nothing(detectable):
            return f"{size} finds no use in 80% of networks, however large it is"
        margin = format_number(self.min_effect)
        found = f"{size} finds a use of {format_number(detectable, self.min_effect)}"
        found = f"{found} or more in 80% of networks{self._rarest(row)}"
        if row["outlook"] == ENOUGH:
            return found
        needed = row["units_needed"]
        more = ""
        if not is_nothing(needed):
            more = f"; for {margin} it takes {self._about(needed)}"
        return f"{found}, and misses smaller ones{more}"

    def _rarest(self, row: pd.Series) -> str:
        """What is found of the rarest level alone, where that is a different matter."""
        alone = row["rarest_level_effect"]
        if is_nothing(row["rarest_level"]):
            return ""
        level = _quote_level(row["rarest_level"])
        if is_nothing(alone):
            return f" (under {level} alone none)"
        if alone <= CLEARLY * row["minimum_detectable_effect"]:
            return ""
        return f" (under {level} alone of {format_number(alone)})"

    def _cells(self, name: Any, row: pd.Series) -> list[str]:
        """Combinations with the target that do not occur, or hardly."""
        target, parts = quote(column_text(self.target)), []
        for finding, verbs in VERBS.items():
            n = int(row[f"n_{finding}_cells"])
            if n:
                shown = list_first(self._cells_with(name, finding), CELLS_SHOWN, str)
                noun, verb = ("combination", "combinations")[n > 1], verbs[n > 1]
                parts.append(f"{n} {noun} with {target} {verb}: {shown}")
        return parts

    def _cells_with(self, name: Any, finding: str) -> list[str]:
        table = self._own(self.levels, name)
        cells = table[table["finding"] == finding]
        return [
            f"{_quote_level(level)} & {_quote_level(target_class)}"
            + (f" ({n_units})" if n_units else "")
            for (_, level, target_class), n_units in cells["n_units"].items()
        ]

    def _count_units(self, n: float) -> str:
        if self.groups is None:
            return f"{int(n):,} rows"
        return f"{int(n):,} groups ({quote(column_text(self.groups))})"

    def _about(self, n: float) -> str:
        """Number of units with the two digits that simulations tell."""
        digits = 10.0 ** max(np.floor(np.log10(n)) - 1, 0)
        return f"about {self._count_units(np.ceil(n / digits) * digits)}"

    def _own(self, table: pd.DataFrame, name: Any) -> pd.DataFrame:
        return table[[own == name for own in table.index.get_level_values(0)]]

    def _levels_of(self, name: Any) -> list[dict[str, Any]]:
        own = self._own(self.levels, name)
        return [
            {"level": plain_text(level), "target_class": plain_text(target_class)}
            | as_plain(row)
            for (_, level, target_class), row in zip(
                own.index, own.to_dict("records"), strict=True
            )
        ]

    def _pairs_of(self, name: Any) -> list[dict[str, Any]]:
        own = self._own(self.confusable, name)
        return [
            {"fixed": column_text(fixed)} | as_plain(row)
            for (_, fixed), row in zip(own.index, own.to_dict("records"), strict=True)
        ]


def _quote_level(level: Any) -> str:
    """Level of any kind in quotes, ranges of numbers too."""
    return quote(plain_text(level))


def _with_text(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the columns whose rarest level is text, as other levels are."""
    level = row["rarest_level"]
    return row | {"rarest_level": None if is_nothing(level) else plain_text(level)}
