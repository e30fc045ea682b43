"""What ``wsca screen`` does between its files."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sklearn_wsca._cli._errors import refuse
from sklearn_wsca._cli._inputs import choose_columns, read_bins, read_kinds
from sklearn_wsca._cli._notes import collect_warnings, say
from sklearn_wsca._cli._output import (
    LEVELS,
    PAIRS,
    SCREEN,
    SCREEN_FILES,
    SCREEN_PAGE,
    SUMMARY,
    write_files,
)
from sklearn_wsca._cli._spreadsheet import to_csv_text
from sklearn_wsca._cli._wording import as_typed
from sklearn_wsca._plain_values import json_text
from sklearn_wsca._report.pages import page_of_screen
from sklearn_wsca._report.short_page import render_short_page
from sklearn_wsca._screening.counts import EMPTY, FEW
from sklearn_wsca._screening.from_table import screen_metadata
from sklearn_wsca._screening.prospects import (
    ENOUGH,
    LEFT_OUT,
    TOO_SMALL,
    UNTESTABLE,
)
from sklearn_wsca._screening.result import MetadataScreen
from sklearn_wsca._text import (
    column_text,
    format_number,
    is_nothing,
    printable,
)
from sklearn_wsca._version import __version__
from sklearn_wsca.io import load_metadata

SCHEMA_VERSION = 1
STYLES = {
    ENOUGH: "bold green",
    TOO_SMALL: "bold yellow",
    UNTESTABLE: "bold red",
    LEFT_OUT: "dim",
}
MOST_SENTENCES = 20
MOST_IN_COMMAND = 8


@dataclass(frozen=True)
class ScreenFindings:
    """A finished screening.

    Parameters
    ----------
    result : MetadataScreen
        What was found.
    notes : list of str
        Notes on the reading, and warnings.
    """

    result: MetadataScreen
    notes: list[str]

    def write(self, directory: Path, inputs: dict[str, str], seed: int) -> list[Path]:
        """Write page, result and tables."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "software": {"sklearn_wsca": __version__},
            "inputs": inputs,
            "seed": seed,
            **self.result.to_dict(),
        }
        content["notes"] = [*content["notes"], *self.notes]
        files: dict[str, str | bytes] = {
            SCREEN_PAGE: render_short_page(page_of_screen(content)),
            SUMMARY: to_csv_text(self.result.columns),
            LEVELS: to_csv_text(self.result.levels),
            PAIRS: to_csv_text(self.result.confusable),
            SCREEN: json_text(content),
        }
        return write_files(directory, files, SCREEN_FILES)


def read_screened_table(path: Path, max_size: int | None) -> tuple[pd.DataFrame, list]:
    """Read a table of metadata, and what there is to say of it."""
    notes: list[str] = []
    with refuse({"y": path}), collect_warnings(notes):
        return load_metadata(path, max_size=max_size), notes


def run_screen(
    options: dict[str, Any], table: pd.DataFrame, path: Path, notes: list[str]
) -> ScreenFindings:
    """Screen a table by the options of the command line."""
    kinds = read_kinds(options)
    bins = read_bins(options)
    columns = choose_columns(options, table, [options["target"]], notes)
    with collect_warnings(notes), refuse({"y": path, "table": path}):
        result = screen_metadata(
            table,
            options["target"],
            columns=columns,
            groups=options["groups"],
            confounders=[*options["confounders"]] or None,
            kinds=kinds or None,
            **bins,
            adjustment=options["adjustment"],
            auroc=options["auroc"],
            intraclass_correlation=options["intraclass_correlation"],
            n_permutations=options["permutations"],
            min_effect=options["min_effect"],
            significance=options["significance"],
            random_state=options["seed"],
        )
    for note in result.notes:
        say(printable(as_typed(note)))
    return ScreenFindings(result, notes)


def print_screen(console: Console, result: MetadataScreen) -> None:
    """Print the table, a sentence per column, and what to do next."""
    console.print(make_table(result))
    console.print()
    shown = by_association(result).index[:MOST_SENTENCES]
    for name in shown:
        console.print(Text(printable(result.to_text(name))), highlight=False)
    n_hidden = len(result.columns) - len(shown)
    if n_hidden:
        console.print(f"{n_hidden} more columns in {SCREEN}", highlight=False)
    console.print()
    console.print(Text(_assumed(result)), style="dim", highlight=False)
    console.print()
    console.print(_make_steps(result))


def by_association(result: MetadataScreen) -> pd.DataFrame:
    """Columns, those first that go most with the target."""
    return result.columns.sort_values(
        "target_association", ascending=False, kind="stable", na_position="last"
    )


def _make_steps(result: MetadataScreen) -> Table:
    """What to do next, numbered, with the command at the end."""
    steps = Table.grid(padding=(0, 1))
    steps.title = Text("What to do next")
    steps.title_justify, steps.title_style = "left", "bold"
    for number, step in enumerate(result.next_steps(), 1):
        steps.add_row(f"{number}.", Text(printable(as_typed(step))))
    command = audit_command(result)
    if command:
        steps.add_row("", Text(printable(command)))
    return steps


def make_table(result: MetadataScreen) -> Table:
    """One row per column of the metadata."""
    target = printable(column_text(result.target))
    table = Table(title=Text(_rows(result)), title_justify="left", title_style="bold")
    table.add_column("column", overflow="fold")
    table.add_column(Text(f"goes with '{target}'"))
    table.add_column("empty or small cells")
    table.add_column("an audit finds")
    table.add_column("outlook")
    for name, row in by_association(result).iterrows():
        table.add_row(
            Text(printable(column_text(name))),
            _association(row),
            _cells(row),
            format_number(row["minimum_detectable_effect"], result.min_effect),
            Text(row["outlook"], style=STYLES[row["outlook"]]),
        )
    return table


def _rows(result: MetadataScreen) -> str:
    return (
        f"{result.n_used} of {result.n_samples} rows can be used; margin "
        f"{format_number(result.min_effect)}"
    )


def _association(row: pd.Series) -> str:
    if is_nothing(row["target_association"]):
        return "-"
    strength = format_number(row["target_association"])
    return f"{strength}, p = {format_number(row['association_pvalue'])}"


def _cells(row: pd.Series) -> str:
    if is_nothing(row["n_empty_cells"]):
        return "-"
    found = [(row[f"n_{finding}_cells"], finding) for finding in (EMPTY, FEW)]
    return ", ".join(f"{n} {finding}" for n, finding in found if n) or "none"


def _assumed(result: MetadataScreen) -> str:
    """What was assumed of the networks, in words."""
    groups = ""
    if result.groups is not None:
        share = result.intraclass_correlation
        groups = f", and whose outputs within one group agree by {share:.2g}"
    return (
        "An audit finds: the smallest use, in standard deviations of the outputs, that "
        "it shows in 80% of networks; simulated, with networks of AUROC "
        f"{result.auroc:.2g}{groups}."
    )


def audit_command(result: MetadataScreen) -> str:
    """The audit that follows, as it is typed; "" where no column is ready."""
    is_ready = result.columns["outlook"].isin([ENOUGH, TOO_SMALL])
    ready = [*result.columns.index[is_ready]]
    if not ready:
        return ""
    pairs = [name for name in ready if isinstance(name, tuple)]
    names = [name for name in ready if name not in pairs]
    words = ["wsca", "audit", "EMBEDDINGS", "METADATA", "--target", result.target]
    words += ["--head", "HEAD"]
    if result.groups is not None:
        words += ["--groups", result.groups]
    if result.confounders:
        words += ["--confounders", *result.confounders]
    if 0 < len(names) <= MOST_IN_COMMAND:
        words += ["--columns", *names]
    for pair in pairs:
        words += ["--combine", *pair]
    return shlex.join(map(str, words))
