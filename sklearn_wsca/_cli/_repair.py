"""What ``wsca repair`` does between its files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sklearn_wsca._backend.progress import step
from sklearn_wsca._cli._errors import InputError, refuse
from sklearn_wsca._cli._inputs import AuditRows, read_trained_head
from sklearn_wsca._cli._notes import collect_warnings, say
from sklearn_wsca._cli._output import (
    REPAIR_FILES,
    REPAIRED_HEAD,
    REPORT,
    RESULT,
    SUMMARY,
    Content,
    write_files,
)
from sklearn_wsca._cli._repaired_files import embeddings_content, head_bytes
from sklearn_wsca._cli._spreadsheet import to_csv_text
from sklearn_wsca._cli._terminal import print_list
from sklearn_wsca._erasure.metadata_eraser import MetadataEraser
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.table import require_columns
from sklearn_wsca._performance.words import name_measure
from sklearn_wsca._repair.held_out import repair_test
from sklearn_wsca._repair.result import (
    NOT_SHOWN,
    PARTLY,
    REPAIRED,
    RepairResult,
)
from sklearn_wsca._report.pages import page_of_repair
from sklearn_wsca._report.short_page import render_short_page
from sklearn_wsca._text import (
    encodable,
    format_number,
    list_first,
    list_names,
    printable,
    quote,
)
from sklearn_wsca._version import __version__

SCHEMA_VERSION = 1
QUESTION = "Is the column used less after the repair, and what does that cost?"
SETTINGS = ("target", "groups", "method", "min_effect", "significance", "seed")
SHOWN = 3


@dataclass(frozen=True)
class RepairFindings:
    """A repair, and its proof.

    Parameters
    ----------
    eraser : MetadataEraser
        Fitted.
    head : Head or None
        The repaired one; there is none where the erasure is quadratic.
    rows : AuditRows
        All rows of the file of embeddings, or None if they are not to be repaired.
    result : RepairResult
        The proof.
    analysis : dict
        How, as it stands in the file.
    notes : list of str
        Notes on the reading, and warnings.
    """

    eraser: MetadataEraser
    head: Head | None
    rows: AuditRows | None
    result: RepairResult
    analysis: dict[str, Any]
    notes: list[str]

    def write(self, directory: Path, inputs: dict[str, str]) -> list[Path]:
        """Write what is repaired, page, table and result."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "software": {"sklearn_wsca": __version__},
            "question": QUESTION,
            "inputs": inputs,
            "analysis": self.analysis,
            **self.result.to_dict(),
            "notes": [*self.result.notes, *self.notes],
            "next_steps": self.next_steps(directory),
        }
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        files: dict[str, Content] = {}
        if self.head is not None:
            files[REPAIRED_HEAD] = head_bytes(self.head)
        if self.rows is not None:
            name, written = embeddings_content(self.eraser, self.rows)
            files[name] = written
        files[REPORT] = render_short_page(page_of_repair(content))
        files[SUMMARY] = to_csv_text(self.table())
        files[RESULT] = encodable(text) + "\n"
        return write_files(directory, files, REPAIR_FILES)

    def table(self) -> pd.DataFrame:
        """One row per column and measure: before, after and change."""
        rows = {}
        for name, found in self.result.utilization.items():
            rows["utilization", name] = {
                "before": found.utilization_a,
                "before_low": found.low_a,
                "before_high": found.high_a,
                "after": found.utilization_b,
                "after_low": found.low_b,
                "after_high": found.high_b,
                "change": found.difference,
                "change_low": found.low,
                "change_high": found.high,
                "repair": self.result.verdicts[name],
            }
        for name, row in self.result.performance.iterrows():
            rows[name, self.result.target] = row.to_dict()
        table = pd.DataFrame(rows).T
        return table.rename_axis(["what", "column"])

    def next_steps(self, directory: Path) -> list[str]:
        """What to do with the outcome, a sentence each."""
        verdicts = self.result.verdicts
        steps = []
        if NOT_SHOWN in verdicts.values():
            names = [name for name, word in verdicts.items() if word == NOT_SHOWN]
            steps.append(
                f"Do not rely on this repair for {list_names(names)}: that it helps is "
                "not shown. If the column was not used before, nothing needs repair; "
                "otherwise fit and prove it on more patients."
            )
        if PARTLY in verdicts.values():
            names = [name for name, word in verdicts.items() if word == PARTLY]
            steps.append(
                f"{list_names(names)} may still be used: more patients make erasure "
                "and interval more exact, and what the column does within single "
                "classes is not erased (wsca audit shows it)."
            )
        if REPAIRED in verdicts.values() or PARTLY in verdicts.values():
            steps += self._how_to_use(directory)
        lost = [
            name_measure(name)
            for name, row in self.result.performance.iterrows()
            if row["change_high"] < 0.0
        ]
        if lost:
            steps.append(
                f"It costs {' and '.join(lost)}: in part what the column told of the "
                "target. A head that is trained anew on repaired embeddings may win "
                "some of it back."
            )
        return steps

    def _how_to_use(self, directory: Path) -> list[str]:
        if self.head is None:
            return [
                "Give repaired embeddings to the head; there is no repaired head. New "
                f"rows need the level of {quote(self.eraser.columns_[0])}: in Python "
                "MetadataEraser(..., method='quadratic').transform(X, metadata)."
            ]
        return [
            f"Put {directory / REPAIRED_HEAD} in the place of the last layer: it reads "
            "embeddings as they are. Then audit it on patients that were not used "
            "here: wsca audit NEW_EMBEDDINGS NEW_METADATA --target "
            f"{self.result.target} --head {directory / REPAIRED_HEAD}"
        ]


def check_repair_options(options: dict[str, Any]) -> None:
    """Raise for options that contradict each other."""
    if options["head_only"] and options["method"] == "quadratic":
        raise InputError(
            "--head-only: a quadratic repair has no head, because its outputs are no "
            "linear function of the embeddings; leave it out, or use --method linear."
        )
    if options["target"] in options["columns"]:
        raise InputError(
            f"--columns: the target {options['target']!r} is among them; it is held "
            "fixed, so leave it out."
        )
    both = {*options["categorical"]} & {*options["continuous"]}
    if both:
        raise InputError(
            f"--categorical and --continuous both name {list_names(sorted(both))}; a "
            "column has one kind."
        )


def set_half_apart(
    rows: AuditRows, options: dict[str, Any]
) -> tuple[AuditRows, AuditRows, list[str]]:
    """Rows of the fit, those of a random half of the patients, and what to say of it.

    Those of each class and level are shared out evenly.
    """
    table, group = rows.metadata, options["groups"]
    with refuse(rows.files):
        require_columns([options["target"]], table, "target")
        require_columns(options["columns"], table, "columns")
        require_columns([group] if group else [], table, "groups")
        unit = np.arange(len(table))
        if group:
            unit = Groups.of(table[group]).with_loners().codes
    _, first, unit = np.unique(unit, return_index=True, return_inverse=True)
    roles = dict.fromkeys([options["target"], *options["columns"]])
    numbers = [pd.factorize(table[name].iloc[first])[0] for name in roles]
    # Numbers that hardly repeat put nobody together.
    kept = [codes for codes in numbers if codes.max() < len(first) // 4]
    order = np.random.default_rng(options["seed"]).permutation(len(first))
    if kept:
        stratum = np.unique(np.stack(kept), axis=1, return_inverse=True)[1].ravel()
        order = order[np.argsort(stratum[order], kind="stable")]
    half = np.empty(len(first), dtype=int)
    half[order] = np.arange(len(first)) % 2
    what = f"groups of '{printable(group)}'" if group else "rows"
    note = (
        f"no rows are held out by an option: the repair is fitted on one half of the "
        f"{len(first)} {what} and proved on the other (--seed {options['seed']})"
    )
    return *rows.set_apart(half[unit] == 1), [note]


def run_repair(
    options: dict[str, Any],
    rows: AuditRows,
    held_out: AuditRows,
    unsaid: list[str],
) -> RepairFindings:
    """Erase the columns, repair the head, and prove it on the rows held out.

    `unsaid` are notes that wait until the columns can be erased: an error of these
    stands alone.
    """
    notes = [*rows.notes, *unsaid, *held_out.notes]
    kinds = dict.fromkeys(options["categorical"], "categorical")
    kinds |= dict.fromkeys(options["continuous"], "continuous")
    eraser = MetadataEraser(
        list(dict.fromkeys(options["columns"])),
        target=options["target"],
        kinds=kinds or None,
        method=options["method"],
    )
    group, head = options["groups"], None
    with collect_warnings(notes):
        with refuse(rows.files):
            require_columns([group] if group else [], rows.metadata, "groups")
            eraser.fit(rows.X, rows.metadata, sample_weight=rows.weights)
        for note in unsaid:
            say(f"{note}.")
        for note in set(eraser.notes_) - {*notes}:
            notes.append(note)
            say(note)
        source = read_trained_head(options, rows)
        if options["method"] == "linear":
            with refuse({"y": options["head"]}, "--head-key"):
                head = eraser.repair_head(source)
        if group:
            notes += _say_shared_groups(rows, held_out, group)
        heads = {"target_head": options["head"]}
        with refuse(held_out.files | heads), step("repair test"):
            result = repair_test(
                source,
                eraser,
                held_out.X,
                held_out.metadata,
                groups=group,
                check_head=not options["no_check_head"],
                n_permutations=options["permutations"],
                min_effect=options["min_effect"],
                significance=options["significance"],
                random_state=options["seed"],
            )
    analysis = {name: options[name] for name in SETTINGS} | {
        "columns": [*eraser.columns_],
        "permutations": options["permutations"],
        "n_rows_fitted": _n_fitted(rows),
        "n_directions": eraser.rank_,
        "n_features": eraser.n_features_in_,
        "shrinkage": eraser.shrinkage_,
    }
    return RepairFindings(
        eraser, head, None if options["head_only"] else rows, result, analysis, notes
    )


def _n_fitted(rows: AuditRows) -> int:
    return len(rows.metadata) if rows.weights is None else int(rows.weights.sum())


def _say_shared_groups(rows: AuditRows, held_out: AuditRows, group: str) -> list[str]:
    """Say how many patients are on both sides."""
    table = rows.metadata if rows.weights is None else rows.metadata[rows.weights > 0]
    with refuse(held_out.files):
        require_columns([group], held_out.metadata, "groups")
    fitted = set(table[group].dropna().astype(str))
    shared = set(held_out.metadata[group].dropna().astype(str)) & fitted
    if not shared:
        return []
    note = (
        f"groups: {len(shared)} of the groups of {group!r} are among the rows of the "
        f"fit and those held out ({list_first(sorted(shared), SHOWN)}): the proof is "
        "of other images of the same patients"
    )
    say(f"{note}.")
    return [note]


def print_repair(console: Console, found: RepairFindings, directory: Path) -> None:
    """Print what was done, the tables, the answers, and what to do next."""
    result, analysis = found.result, found.analysis
    target = quote(result.target)
    group = analysis["groups"]
    units = f" of {result.n_units} groups ('{printable(group)}')" if group else ""
    lines = [
        f"{list_names(analysis['columns'])} erased at fixed {target}: "
        f"{analysis['n_directions']} of {analysis['n_features']} directions, fitted on "
        f"{analysis['n_rows_fitted']} rows.",
        f"All that follows is about {result.n_rows} other rows{units}.",
    ]
    for line in lines:
        console.print(Text(printable(line)), highlight=False)
    console.print()
    console.print(_utilization_table(result))
    if len(result.performance):
        console.print(_performance_table(result))
    console.print()
    # Notes were said already.
    names = {quote(name): name for name in result.utilization}
    for name, line in zip(names, result.to_text().splitlines(), strict=False):
        console.print(Text(printable(f"{name}: {line}")), highlight=False)
    console.print()
    print_list(console, "What to do next", found.next_steps(directory))


def _utilization_table(result: RepairResult) -> Table:
    target = printable(result.target)
    table = _table(
        f"How far the outputs move, in their standard deviation, at fixed '{target}'",
        ("column", "verdict", "before", "after", "change"),
    )
    for name, found in result.utilization.items():
        table.add_row(
            Text(printable(name)),
            Text(result.verdicts[name]),
            format_number(found.utilization_a),
            _limits(found.utilization_b, found.low_b, found.high_b),
            _limits(found.difference, found.low, found.high),
        )
    return table


def _performance_table(result: RepairResult) -> Table:
    table = _table(
        f"How well the head predicts '{printable(result.target)}'",
        ("measure", "before", "after", "change"),
    )
    for name, row in result.performance.iterrows():
        keys = ("change", "change_low", "change_high")
        change, low, high = (f"{row[key] + 0.0:+.3f}" for key in keys)
        table.add_row(
            name_measure(str(name)),
            f"{row['before']:.3f}",
            f"{row['after']:.3f}",
            f"{change} ({low} to {high})",
        )
    return table


def _table(title: str, headings: tuple[str, ...]) -> Table:
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _limits(value: float, low: float, high: float) -> str:
    estimate, lower, upper = map(format_number, (value, low, high))
    return f"{estimate} ({lower} to {upper})"
