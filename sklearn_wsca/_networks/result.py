"""Tables of several networks, and words for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sklearn_wsca._plain_values import as_plain
from sklearn_wsca._text import (
    column_text,
    encodable,
    escape_markdown,
    format_number,
    markdown_table,
)
from sklearn_wsca._verdicts.registry import VERDICTS

# Deviations below this share of the mean are shown as none.
ROUNDING = 1e-9
# Of the table that is shown.
SHOWN = {
    "utilization": "utilization",
    "encoding_score": "encoding",
    "alignment_score": "alignment",
}


@dataclass(frozen=True)
class NetworkSpread:
    """How far several networks differ in what they use.

    Parameters
    ----------
    table : DataFrame
        One row per column and number of the summary (utilization, also with classes
        counted alike, probability shift, encoding score and skill, alignment score):
        `mean`, `standard_deviation` (with K - 1), `lowest` and `highest` over the
        networks, and `n_networks`, of how many.
    values : DataFrame
        The same rows with one column per network.
    verdicts : DataFrame
        One row per column of the metadata, one column per network.
    verdict_counts : DataFrame
        One row per column of the metadata: how many networks have each verdict.
    encoding_metrics : DataFrame
        One row per column and metric of its probe (`encoding_metrics_`: accuracy, macro
        precision and F1, AUROC, ...), with the columns of `table`; without rows where
        the analyses are tables of `audit`, which do not tell.
    """

    table: pd.DataFrame = field(repr=False)
    values: pd.DataFrame = field(repr=False)
    verdicts: pd.DataFrame
    verdict_counts: pd.DataFrame = field(repr=False)
    encoding_metrics: pd.DataFrame = field(repr=False)

    @property
    def networks(self) -> list:
        """Names of the networks."""
        return list(self.values.columns)

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as plain values.

        Returns
        -------
        dict
            `networks` and `columns`: verdicts and numbers of each. NaN is None.
        """
        return as_plain(
            {
                "networks": [str(name) for name in self.networks],
                "columns": [
                    {
                        "name": column_text(name),
                        "verdicts": self.verdicts.iloc[place].tolist(),
                        "verdict_counts": self._counts(place),
                        "numbers": self._numbers(place),
                    }
                    for place, name in enumerate(self.verdicts.index)
                ],
            }
        )

    def to_markdown(self) -> str:
        """Table of means and standard deviations, as papers print them.

        Returns
        -------
        str
            A pipe table with one row per column of the metadata.
        """
        rows = [["column", "verdicts", *SHOWN.values()], *self.rows()]
        cells = [[escape_markdown(cell) for cell in row] for row in rows]
        return f"{markdown_table(cells)}\n\n{self.note()}\n"

    def rows(self) -> list[list[str]]:
        """Cells of that table.

        Returns
        -------
        list of list of str
            Column, verdicts, and mean with standard deviation of each number.
        """
        return [
            [
                encodable(column_text(name)),
                self._say_counts(place),
                *(self._mean(place, number) for number in SHOWN),
            ]
            for place, name in enumerate(self.verdicts.index)
        ]

    def note(self) -> str:
        """Say what the standard deviation is, and what it is not.

        Returns
        -------
        str
            A sentence.
        """
        return (
            f"Mean ± standard deviation over {len(self.networks)} networks on the same "
            "rows: how far networks differ, not how far other rows would."
        )

    def _say_counts(self, place: int) -> str:
        """How many networks have which verdict about a column, in words."""
        counts = self._counts(place)
        return ", ".join(f"{n} {verdict}" for verdict, n in counts.items())

    def _counts(self, place: int) -> dict[str, int]:
        row = self.verdict_counts.iloc[place]
        return {word: int(row[word]) for word in VERDICTS if row[word]}

    def _numbers(self, place: int) -> dict[str, dict[str, Any]]:
        """Spread of every number of a column, with the values of the networks."""
        n = len(self.table) // len(self.verdicts)
        own = slice(place * n, (place + 1) * n)
        table, values = self.table.iloc[own], self.values.iloc[own]
        return {
            number: row.to_dict() | {"values": values.iloc[i].tolist()}
            for i, (number, row) in enumerate(table.droplevel(0).iterrows())
        }

    def _mean(self, place: int, number: str) -> str:
        found = self._numbers(place)[number]
        mean, deviation = (found[key] for key in ("mean", "standard_deviation"))
        if deviation <= ROUNDING * abs(mean):
            deviation = 0.0
        return f"{format_number(mean)} ± {format_number(deviation)}"
