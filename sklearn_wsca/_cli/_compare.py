"""What ``wsca compare`` does between its files."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sklearn_wsca._cli._errors import InputError, refuse
from sklearn_wsca._cli._inputs import AuditRows, make_outputs, read_audit_rows
from sklearn_wsca._cli._notes import collect_warnings, say
from sklearn_wsca._cli._output import (
    COMPARISON_FILES,
    REPORT,
    RESULT,
    SUMMARY,
    write_files,
)
from sklearn_wsca._cli._spreadsheet import to_csv_text
from sklearn_wsca._cli._terminal import print_list
from sklearn_wsca._comparison.from_outputs import compare_utilization
from sklearn_wsca._comparison.result import (
    INCONCLUSIVE,
    LESS_USED,
    MORE_USED,
    SAME,
    UtilizationComparison,
)
from sklearn_wsca._input.numeric_values import UntestableColumnError
from sklearn_wsca._input.persons import find_names
from sklearn_wsca._input.roles import RoleNames, refuse_roles
from sklearn_wsca._input.table import name_index, require_columns
from sklearn_wsca._plain_values import as_plain, json_text
from sklearn_wsca._report.pages import page_of_comparison, steps_of_comparison
from sklearn_wsca._report.result import software_versions
from sklearn_wsca._report.short_page import render_short_page
from sklearn_wsca._text import (
    column_text,
    format_number,
    format_pvalue,
    printable,
)
from sklearn_wsca.io import load_embeddings, match_rows

SCHEMA_VERSION = 1
BY_URGENCY = MORE_USED, LESS_USED, INCONCLUSIVE, SAME
QUESTION = "Does the second network use the metadata more, or less, than the first?"
SETTINGS = ("target", "groups", "adjustment", "min_effect", "significance", "seed")


@dataclass(frozen=True)
class ComparisonFindings:
    """A finished comparison.

    Parameters
    ----------
    results : dict of str to UtilizationComparison
        By column.
    untestable : dict of str to str
        Why other columns cannot be compared.
    analysis : dict
        How, as it stands in the file.
    notes : list of str
        Notes on the reading, and warnings.
    """

    results: dict[str, UtilizationComparison]
    untestable: dict[str, str]
    analysis: dict[str, Any]
    notes: list[str]

    @property
    def columns(self) -> list[dict[str, Any]]:
        """What was found of each column, as it stands in the file."""
        return [
            {"name": column_text(name), "answer": found.to_text(name)} | found.to_dict()
            for name, found in self.results.items()
        ]

    def write(self, directory: Path, inputs: dict[str, str]) -> list[Path]:
        """Write page, table and result."""
        columns = self.columns
        content = {
            "schema_version": SCHEMA_VERSION,
            "software": software_versions(),
            "question": QUESTION,
            "inputs": inputs,
            "analysis": self.analysis,
            "verdict_counts": dict(Counter(own["verdict"] for own in columns)),
            "columns": columns,
            "untestable": self.untestable,
            "notes": self.notes,
            "next_steps": steps_of_comparison(columns),
        }
        table = pd.DataFrame(
            [found.to_dict() for found in self.results.values()],
            name_index(self.results),
        )
        files: dict[str, str | bytes] = {
            REPORT: render_short_page(page_of_comparison(as_plain(content))),
            SUMMARY: to_csv_text(table.drop(columns="notes")),
            RESULT: json_text(content),
        }
        return write_files(directory, files, COMPARISON_FILES)


def read_both(
    first: Path, second: Path, metadata: Path, options: dict[str, Any]
) -> tuple[AuditRows, AuditRows]:
    """Both networks and the metadata, with the same rows in the same order."""
    key, most = options["outputs_key"], options["max_size"]
    unmatched = options["unmatched"]
    a = read_audit_rows(
        first,
        metadata,
        id=options["id_column"],
        unmatched=unmatched,
        key=key,
        target=options["target"],
        max_size=most,
        key_option="--outputs-key",
        scores=not options["head"],
    )
    warned: list[str] = []
    with refuse({"y": second}, "--outputs-key"), collect_warnings(warned):
        X = load_embeddings(
            second,
            key=key,
            id=options["id_column"],
            feature_names=True,
            scores=not options["head"],
            max_size=most,
        )
        table, X, notes = match_rows(
            a.metadata, X, unmatched=unmatched, names=(str(first), str(second))
        )
    for note in notes:
        say(note)
    if len(table) < len(a.metadata):
        a = replace(a, X=a.X.loc[table.index], metadata=table)
    return a, AuditRows(X, table, {"X": second, "y": metadata}, warned + notes)


def run_comparison(
    options: dict[str, Any], a: AuditRows, b: AuditRows
) -> ComparisonFindings:
    """Outputs of both networks, and how far each uses the columns."""
    table, notes = a.metadata, [*a.notes, *b.notes]
    heads = [*_twice(options, "head"), *_twice(options, "head_key")]
    first, second = (
        make_outputs(rows, head, key, options)
        for rows, head, key in zip((a, b), heads[:2], heads[2:], strict=True)
    )
    files = {
        "y": a.files["y"],
        "outputs_a": _sources(a, heads[0]),
        "outputs_b": _sources(b, heads[1]),
    }
    held = [*options["confounders"]]
    with collect_warnings(notes), refuse(files):
        require_columns([options["target"]], table, "target")
        RoleNames(options["target"], held, options["groups"]).check(table)
        settings: dict[str, Any] = {
            "target": table[options["target"]],
            "confounders": table[held] if held else None,
            "groups": table[options["groups"]] if options["groups"] else None,
            "adjustment": options["adjustment"],
            "min_effect": options["min_effect"],
            "significance": options["significance"],
            "random_state": options["seed"],
        }
        columns, untestable = _choose((first, second), table, options, settings)
        kinds = _kinds(options)
        results = compare_utilization(
            first,
            second,
            table[columns],
            kinds=kinds or None,
            n_permutations=options["permutations"],
            **settings,
        )
    analysis = {name: options[name] for name in SETTINGS} | {
        "confounders": held,
        "permutations": options["permutations"],
        "n_rows": len(table),
    }
    return ComparisonFindings(by_importance(results), untestable, analysis, notes)


def by_importance(
    results: dict[str, UtilizationComparison],
) -> dict[str, UtilizationComparison]:
    """Columns by their verdicts, those first that differ most."""

    def rank(item: tuple[str, UtilizationComparison]) -> tuple[int, float]:
        _, found = item
        return BY_URGENCY.index(found.verdict), -abs(found.difference)

    return dict(sorted(results.items(), key=rank))


def _sources(rows: AuditRows, head: Path | None) -> Path | str:
    """The file that outputs come from, or both where a head makes them."""
    return rows.files["X"] if head is None else f"{rows.files['X']}, {head}"


def _twice(options: dict[str, Any], name: str) -> list:
    """Value of an option for both networks."""
    values = [*options[name]]
    if len(values) > 2:
        option = f"--{name.replace('_', '-')}"
        raise InputError(
            f"{option} is given {len(values)} times; give it once for both networks, "
            "or once for each."
        )
    return (values or [None]) * (1 if len(values) == 2 else 2)


def _kinds(options: dict[str, Any]) -> dict[str, str]:
    kinds = dict.fromkeys(options["categorical"], "categorical")
    return kinds | dict.fromkeys(options["continuous"], "continuous")


def _choose(outputs, table, options, settings) -> tuple[list, dict[str, str]]:
    """Columns that are compared; without --columns all that can be."""
    if options["columns"]:
        require_columns(options["columns"], table, "columns")
        refuse_roles([*options["columns"]], options["target"], options["groups"])
        return list(dict.fromkeys(options["columns"])), {}
    roles = {options["target"], options["groups"], *options["confounders"]}
    everything = [name for name in table.columns if name not in roles]
    untestable = find_names(table, everything)
    chosen = []
    for name in (name for name in everything if name not in untestable):
        reason = _try(outputs, table, name, options, settings)
        if reason is None:
            chosen.append(name)
        else:
            untestable[name] = reason
    for name, reason in untestable.items():
        say(f"column {name!r} is left out: {reason}.")
    if not chosen:
        raise ValueError(
            "columns: no column of the metadata can be compared; name those that you "
            "ask about, and the reason is said."
        )
    return chosen, {column_text(name): text for name, text in untestable.items()}


def _try(outputs, table, name, options, settings) -> str | None:
    """Why a column cannot be compared; None if it can."""
    first, second = outputs
    known = {name, options["target"], *options["confounders"]}
    kinds = {key: kind for key, kind in _kinds(options).items() if key in known}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compare_utilization(
                first,
                second,
                table[name],
                kinds=kinds,
                check_head=False,
                n_permutations=0,
                **settings,
            )
        except UntestableColumnError as error:
            return error.reason
    return None


def print_comparison(console: Console, found: ComparisonFindings) -> None:
    """Print table, answers, and what to do next."""
    held = [found.analysis["target"], *found.analysis["confounders"]]
    names = " and ".join(f"'{printable(name)}'" for name in held)
    title = f"How far the outputs move, in their standard deviation, at fixed {names}"
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    for heading in ("column", "second network", "first", "second", "difference", "p"):
        table.add_column(heading, overflow="fold")
    for name, result in found.results.items():
        numbers = (result.difference, result.low, result.high)
        difference, low, high = map(format_number, numbers)
        table.add_row(
            Text(printable(name)),
            Text(result.verdict),
            format_number(result.utilization_a),
            format_number(result.utilization_b),
            f"{difference} ({low} to {high})",
            format_pvalue(result.pvalue).removeprefix("p = "),
        )
    console.print(table)
    console.print()
    for name, result in found.results.items():
        line = f"{printable(name)}: {printable(result.to_text(name))}"
        console.print(Text(line), highlight=False)
    console.print()
    print_list(console, "What to do next", steps_of_comparison(found.columns))
