"""What ``wsca intervene`` does between its files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sklearn_wsca._cli._errors import refuse
from sklearn_wsca._cli._inputs import AuditRows, make_outputs, read_audit_rows
from sklearn_wsca._cli._notes import collect_warnings
from sklearn_wsca._cli._output import (
    EFFECTS,
    INTERVENTION,
    INTERVENTION_FILES,
    INTERVENTION_PAGE,
    UNITS,
    write_files,
)
from sklearn_wsca._cli._spreadsheet import to_csv_text
from sklearn_wsca._cli._terminal import print_list
from sklearn_wsca._input.table import require_columns
from sklearn_wsca._interventions.from_outputs import intervention_test
from sklearn_wsca._interventions.result import InterventionResult
from sklearn_wsca._plain_values import json_text
from sklearn_wsca._report.pages import page_of_intervention, steps_of_intervention
from sklearn_wsca._report.result import software_versions
from sklearn_wsca._report.short_page import render_short_page
from sklearn_wsca._text import format_number, printable
from sklearn_wsca._utilization.effects import ALL

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

    def answer(self) -> list[str]:
        """The numbers in sentences; notes, which were said already, are left out."""
        return replace(self.result, notes=()).to_text().splitlines()

    def next_steps(self) -> list[str]:
        """What to do with the outcome, a sentence each."""
        # Without a p-value, which is NaN then, nothing is shown.
        moves = self.result.pvalue <= self.analysis["significance"]
        return steps_of_intervention(bool(moves), self.result.includes_noise)

    def write(self, directory: Path, inputs: dict[str, str]) -> list[Path]:
        """Write page, result and tables."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "software": software_versions(),
            "inputs": inputs,
            "analysis": self.analysis,
            "answer": self.answer(),
            **self.result.to_dict(),
            "notes": self.notes,
            "next_steps": self.next_steps(),
        }
        files: dict[str, str | bytes] = {
            INTERVENTION_PAGE: render_short_page(page_of_intervention(content)),
            INTERVENTION: json_text(content),
            EFFECTS: to_csv_text(self.result.effects),
            UNITS: to_csv_text(self.result.units),
        }
        return write_files(directory, files, INTERVENTION_FILES)


def read_outputs_of_units(
    outputs: Path, metadata: Path, options: dict[str, Any]
) -> AuditRows:
    """Outputs in long form, and the metadata of the same rows."""
    return read_audit_rows(
        outputs,
        metadata,
        id=options["id_column"],
        unmatched=options["unmatched"],
        key=options["outputs_key"],
        target=options["unit"],
        max_size=options["max_size"],
        key_option="--outputs-key",
        scores=options["head"] is None,
    )


def run_intervention(options: dict[str, Any], rows: AuditRows) -> InterventionFindings:
    """Outputs of the rows, and how far they move between the levels."""
    notes = list(rows.notes)
    columns = {role: options[role] for role in ROLES if options[role] is not None}
    with collect_warnings(notes), refuse(rows.files | {"outputs": rows.files["X"]}):
        for role, name in columns.items():
            require_columns([name], rows.metadata, role)
        result = intervention_test(
            make_outputs(rows, options["head"], options["head_key"], options),
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


def print_intervention(console: Console, found: InterventionFindings) -> None:
    """Print the answers, the moves of the mean, and what to do next."""
    result = found.result
    for line in found.answer():
        console.print(Text(printable(line)), highlight=False)
    console.print()
    console.print(make_table(result))
    n_hidden = len(result.n_rows_by_level) - LEVELS_SHOWN
    if n_hidden > 0:
        console.print(f"{n_hidden} more levels in {EFFECTS}", highlight=False)
    console.print()
    print_list(console, "What to do next", found.next_steps())


def make_table(result: InterventionResult) -> Table:
    """Move of the mean of all units under each level, the highest first."""
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
    effects = moves["effect"].to_numpy().reshape(-1, len(outputs))
    largest = np.nan_to_num(np.abs(effects)).max(axis=0).argmax()
    order = np.argsort(-effects[:, largest], kind="stable")
    for place in order[:LEVELS_SHOWN].tolist():
        own = moves.iloc[place * len(outputs) : (place + 1) * len(outputs)]
        level, n_rows = (
            result.n_rows_by_level.index[place],
            result.n_rows_by_level.iloc[place],
        )
        cells = [_move(own.iloc[i]) for i in range(len(shown))]
        table.add_row(Text(printable(level)), str(n_rows), *cells)
    return table


def _move(row: pd.Series) -> str:
    effect, low, high = (format_number(row[key]) for key in ("effect", "low", "high"))
    return f"{effect} ({low} to {high})"
