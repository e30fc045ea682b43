"""What ``wsca intervene`` does between its files."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sklearn_wsca._cli._errors import refuse
from sklearn_wsca._cli._inputs import AuditRows, read_trained_head
from sklearn_wsca._cli._notes import collect_warnings
from sklearn_wsca._cli._output import (
    EFFECTS,
    INTERVENTION,
    INTERVENTION_FILES,
    UNITS,
    write_files,
)
from sklearn_wsca._cli._spreadsheet import to_csv_text
from sklearn_wsca._heads.head import read_head
from sklearn_wsca._input.table import require_columns
from sklearn_wsca._interventions.from_outputs import intervention_test
from sklearn_wsca._interventions.result import InterventionResult
from sklearn_wsca._text import encodable, format_number, printable
from sklearn_wsca._utilization.effects import ALL
from sklearn_wsca._version import __version__

SCHEMA_VERSION = 1
ROLES = ("level", "unit", "target", "repeats", "groups")
OUTPUTS_SHOWN, LEVELS_SHOWN = 8, 20


@dataclass(frozen=True)
class InterventionFindings:
    """A finished test of an intervention.

    Parameters
    ----------
    result : InterventionResult
        What was found.
    analysis : dict
        How, as it stands in the file.
    notes : list of str
        Notes on the reading, and warnings.
    """

    result: InterventionResult
    analysis: dict[str, Any]
    notes: list[str]

    def write(self, directory: Path, inputs: dict[str, str]) -> list[Path]:
        """Write the result and its tables."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "software": {"sklearn_wsca": __version__},
            "inputs": inputs,
            "analysis": self.analysis,
            **self.result.to_dict(),
            "notes": self.notes,
        }
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        files: dict[str, str | bytes] = {
            INTERVENTION: encodable(text) + "\n",
            EFFECTS: to_csv_text(self.result.effects),
            UNITS: to_csv_text(self.result.units),
        }
        return write_files(directory, files, INTERVENTION_FILES)


def run_intervention(options: dict[str, Any], rows: AuditRows) -> InterventionFindings:
    """Outputs of the rows, and how far they move between the levels."""
    notes = list(rows.notes)
    columns = {role: options[role] for role in ROLES if options[role] is not None}
    with collect_warnings(notes), refuse(rows.files | {"outputs": rows.files["X"]}):
        for role, name in columns.items():
            require_columns([name], rows.metadata, role)
        result = intervention_test(
            read_outputs(options, rows),
            **{role: rows.metadata[name] for role, name in columns.items()},
            n_permutations=options["permutations"],
            significance=options["significance"],
            random_state=options["seed"],
        )
    analysis = {
        **{role: options[role] for role in ROLES},
        "n_rows": len(rows.metadata),
        "significance": options["significance"],
        "seed": options["seed"],
    }
    return InterventionFindings(result, analysis, notes)


def read_outputs(options: dict[str, Any], rows: AuditRows) -> Any:
    """What the file holds, or what the head makes of it."""
    X = rows.X
    X = X.to_numpy() if hasattr(X, "to_numpy") else np.asarray(X)
    if options["head"] is None:
        return X
    source = read_trained_head(options, rows)
    with refuse({"y": options["head"]}, "--head-key"):
        head = read_head(
            source, argument="target_head", n_features=X.shape[1], levels=None
        )
    return head.outputs(X)


def print_intervention(console: Console, result: InterventionResult) -> None:
    """Print the answers, and the moves of the mean of all units."""
    # Notes were said already.
    for line in replace(result, notes=()).to_text().splitlines():
        console.print(Text(printable(line)), highlight=False)
    console.print()
    console.print(make_table(result))
    n_hidden = len(result.n_rows_by_level) - LEVELS_SHOWN
    if n_hidden > 0:
        console.print(f"{n_hidden} more levels in {EFFECTS}", highlight=False)


def make_table(result: InterventionResult) -> Table:
    """Move of the mean of all units under each level."""
    moves = result.effects.xs(ALL, level="target_class")
    table = Table(
        title=Text("Moves of the mean, in standard deviations of the outputs"),
        title_justify="left",
        title_style="bold",
    )
    outputs = moves.index.get_level_values("output").unique()
    shown = outputs[:OUTPUTS_SHOWN]
    table.add_column("level", overflow="fold")
    table.add_column("rows")
    for output in shown:
        table.add_column(f"output {output}" if len(outputs) > 1 else "output")
    levels = result.n_rows_by_level.iloc[:LEVELS_SHOWN]
    for place, (level, n_rows) in enumerate(levels.items()):
        own = moves.iloc[place * len(outputs) : (place + 1) * len(outputs)]
        cells = [_move(own.iloc[i]) for i in range(len(shown))]
        table.add_row(Text(printable(level)), str(n_rows), *cells)
    return table


def _move(row: pd.Series) -> str:
    effect, low, high = (format_number(row[key]) for key in ("effect", "low", "high"))
    return f"{effect} ({low} to {high})"
