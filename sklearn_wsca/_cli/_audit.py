"""What ``wsca audit`` and ``wsca demo`` do between their files: analyse and report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_wsca._analysis.joined_fits import describe_correction
from sklearn_wsca._cli._errors import refuse
from sklearn_wsca._cli._inputs import AuditRows, choose_columns, read_bins, read_kinds
from sklearn_wsca._cli._notes import collect_warnings
from sklearn_wsca._cli._output import (
    REPORT,
    RESULT,
    SUMMARY,
    open_no_window,
    write_files,
)
from sklearn_wsca._cli._spreadsheet import to_csv_text
from sklearn_wsca._cli._targets import choose_outputs, name_folders, read_heads
from sklearn_wsca._input.several_targets import audit_of
from sklearn_wsca._report.figures import draw_figures, head_displays
from sklearn_wsca._report.formats import to_json
from sklearn_wsca._report.html import render_html
from sklearn_wsca._report.result import make_result
from sklearn_wsca._weight_space_correlation import WeightSpaceCorrelation

# Beyond it the spectrum of all directions takes more than a moment.
MOST_SENSITIVITY_NUMBERS = 50_000_000


@dataclass(frozen=True)
class Findings:
    """A finished analysis.

    Parameters
    ----------
    analysis : WeightSpaceCorrelation
        Fitted.
    held_out : DataFrame or None
        Table of held-out rows.
    sensitivity : DataFrame or None
        Alignment by number of components.
    notes : list of str
        Notes on the reading, and warnings.
    """

    analysis: WeightSpaceCorrelation
    held_out: pd.DataFrame | None
    sensitivity: pd.DataFrame | None
    notes: list[str] = field(default_factory=list)

    @property
    def table(self) -> pd.DataFrame:
        """What is judged."""
        return self.analysis.summary_ if self.held_out is None else self.held_out

    def by_target(self) -> list[Findings]:
        """Findings of every target; a single one are these."""
        if not isinstance(self.analysis.target, list):
            return [self]
        return [
            replace(
                self,
                analysis=part,
                held_out=None
                if self.held_out is None
                else audit_of(self.held_out, name),
                sensitivity=None
                if self.sensitivity is None
                else self.sensitivity[name],
                notes=[describe_correction(self.analysis.target), *self.notes],
            )
            for name, part in self.analysis.targets_.items()
        ]

    def results(self, inputs: dict[str, str]) -> list[dict[str, Any]]:
        """All that is known of every target as one dict."""
        return [
            make_result(
                own.analysis,
                own.held_out,
                inputs=inputs,
                sensitivity=own.sensitivity,
                notes=own.notes,
            )
            for own in self.by_target()
        ]

    def write(self, directory: Path, results: list[dict[str, Any]]) -> list[Path]:
        """Write report, table and result; those of several targets in their folders."""
        open_no_window()
        every = self.by_target()
        if len(every) == 1:
            return write_files(directory, every[0].files(results[0]))
        folders = name_folders([own.analysis.target for own in every])
        contents = {
            f"{folder}/{name}": content
            for folder, own, result in zip(
                folders.values(), every, results, strict=True
            )
            for name, content in own.files(result).items()
        }
        contents[SUMMARY] = to_csv_text(self.table)
        return write_files(directory, contents)

    def files(self, result: dict[str, Any]) -> dict[str, str]:
        """Content of the files of one target by their names."""
        figures = draw_figures(result, head_displays(self.analysis))
        return {
            REPORT: render_html(result, figures),
            SUMMARY: to_csv_text(self.table),
            RESULT: to_json(result),
        }


def analyse(
    analysis: WeightSpaceCorrelation,
    rows: AuditRows,
    held_out: AuditRows | None,
    head_files: list[Path],
    sensitivity: bool | None,
) -> Findings:
    """Fit, audit and compare numbers of components."""
    given = [rows] if held_out is None else [rows, held_out]
    notes = [note for some in given for note in some.notes]
    table = components = None
    about_head = ("target_head", "target_output")
    heads = dict.fromkeys(about_head, head_files[0]) if len(head_files) == 1 else {}
    with collect_warnings(notes):
        with refuse(rows.files | heads):
            analysis.fit(rows.X, rows.metadata, sample_weight=rows.weights)
            if sensitivity or (sensitivity is None and is_small(rows)):
                components = analysis.component_sensitivity(
                    rows.X, rows.metadata, sample_weight=rows.weights
                )
        if held_out is not None:
            with refuse(held_out.files | heads):
                table = analysis.audit(held_out.X, held_out.metadata)
    return Findings(analysis, table, components, notes)


def is_small(rows: AuditRows) -> bool:
    """Whether a further analysis of all directions is a matter of seconds."""
    n, d = rows.X.shape
    return n * d <= MOST_SENSITIVITY_NUMBERS


def make_analysis(
    every: list[dict[str, Any]], options: dict[str, Any], rows: AuditRows
) -> WeightSpaceCorrelation:
    """Estimator with the settings of the command line, `every` being of one target."""
    targets = list(options["target"])
    kinds = read_kinds(options)
    columns = choose_columns(options, rows.metadata, targets, rows.notes)
    return WeightSpaceCorrelation(
        targets if len(targets) > 1 else targets[0],
        target_head=read_heads(every, rows),
        target_output=choose_outputs(every),
        adjustment=options["adjustment"],
        held_out=options["rows_are_held_out"],
        check_head=not options["no_check_head"],
        columns=columns,
        interactions=[*options["interaction"]] or None,
        groups=options["groups"],
        confounders=[*options["confounders"]] or None,
        kinds=kinds or None,
        **read_bins(options),
        C=options["c"],
        alpha=options["alpha"],
        n_components=options["n_components"],
        adjust_for_target=options["adjust_for_target"],
        n_permutations=options["permutations"],
        min_effect=options["min_effect"],
        significance=options["significance"],
        random_state=options["seed"],
        n_jobs=options["jobs"],
    )
