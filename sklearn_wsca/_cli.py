"""The command line: arguments by click, tables by rich."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from sklearn_wsca._demo import Demo, run_demo
from sklearn_wsca._jobs import watch_progress
from sklearn_wsca._version import __version__
from sklearn_wsca._wording import describe_encoding, format_pvalue

INTRODUCTION = """\
A small network was trained to tell heart disease from eight routine measurements, \
age and sex among them, of patients in four hospitals. It was not told the hospital. \
Can hospital, sex and age be read off what the network has computed (encoded), does \
its decision read the same directions (aligned), and does its output differ between \
them among patients with the same disease status (used)?"""

READING = """\
Encoded: how well a linear model tells the column from the network's embedding, on \
patients it was not fitted on (right: balanced accuracy, the mean over levels of the \
share recognised); the p-value says how often a shuffled column is predicted as well. \
Aligned: how far that model and the network's decision read the same directions of \
the embedding (root mean square cosine; 0 = unrelated, 1 = the same), with a p-value \
from shuffled columns and refitted models, corrected for looking at several columns. \
Output moves: how far the network's output differs between the levels (for a number: \
per standard deviation) among patients with the same disease status, in standard \
deviations of the output, with a 95% interval; below it, the largest difference in \
the predicted probability of disease.

Used: the output moves, by more than chance and by at least 0.1. Not used: the column \
is encoded and the interval excludes 0.1. What this does not say: moving with a \
column at fixed disease status is an association, not proof of a cause. Patients with \
the same status may differ between hospitals in how ill they are, and the network may \
be right to see it. Alignment alone is neither: a decision can align with a column \
only because the disease is unevenly spread over it, and use one through directions \
that it does not align with."""

# The steps of a fit, as somebody who waits for them would call them.
STEPS = {
    "fit heads": "fitting linear models",
    "encoding": "predicting unseen patients",
    "encoding null": "shuffling, still encoded?",
    "alignment null": "shuffling, still aligned?",
    "reliability": "splitting in halves",
    "erasure": "erasing the column",
    "utilization": "shuffling, still moving the output?",
}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sklearn_wsca")
def wsca() -> None:
    """Does a neural network use the metadata that its embeddings encode?"""


@wsca.command()
@click.option(
    "--permutations",
    default=999,
    show_default=True,
    type=click.IntRange(min=99),
    help="Number of shuffles per column.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the shuffles.")
def demo(permutations: int, seed: int) -> None:
    """Analyse a small heart-disease network and its four hospitals."""
    console = Console()
    with _progress_bars(Console(stderr=True)):
        result = run_demo(permutations, seed)
    console.print(Text("Heart disease in four hospitals", style="bold"))
    console.print(INTRODUCTION, end="\n\n", highlight=False)
    console.print(_demo_table(result))
    for name in result.summary.index:
        row = result.summary.loc[name]
        text = f"[bold]{escape(str(name))} - {row['verdict']}[/bold]: "
        console.print(f"{text}{escape(row['note'])}.", highlight=False)
    console.print()
    console.print(READING, end="\n\n", highlight=False, style="dim")
    console.print(f"{result.description}", highlight=False, style="dim")


class _TimeLeft(TimeRemainingColumn):
    """Time until a step is done; nothing before it can be told."""

    def render(self, task: Task) -> Text:
        if task.finished:
            return Text("done", style="progress.remaining")
        if task.time_remaining is None:
            return Text()
        return super().render(task) + " left"


@contextmanager
def _progress_bars(console: Console) -> Iterator[None]:
    """Show a bar for every step of the analysis while it runs."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TaskProgressColumn(),
        _TimeLeft(compact=True, table_column=Column(no_wrap=True)),
    )
    # Without a terminal, rich would leave an empty line behind.
    hidden = not console.is_interactive
    with Progress(*columns, console=console, transient=True, disable=hidden) as bars:
        tasks = {name: bars.add_task(words, total=1) for name, words in STEPS.items()}

        def show(name: str, done: int, total: int) -> None:
            bars.update(tasks[name], completed=done, total=total)

        with watch_progress(show):
            yield


def _demo_table(result: Demo) -> Table:
    table = Table(title="Metadata and the decision 'disease'", title_justify="left")
    table.add_column("column", style="bold")
    table.add_column("encoded")
    table.add_column("aligned")
    table.add_column("output moves at\nequal disease status")
    table.add_column("verdict", style="bold")
    for name in result.summary.index:
        row = result.summary.loc[name]
        levels = row["kind"]
        if row["kind"] != "continuous":
            levels = f"{row['n_levels']} levels"
        encoding = describe_encoding(row, result.metrics.loc[name])
        encoding = encoding.replace(", ", ",\n")
        table.add_row(
            f"{escape(str(name))}\n[dim]{levels}[/dim]",
            f"{encoding}\n{format_pvalue(row['encoding_pvalue'])}",
            f"{row['alignment_score']:.2f}\n"
            f"{format_pvalue(row['alignment_pvalue_fwer'])}",
            f"{row['utilization']:.2f} ({row['utilization_low']:.2f} to "
            f"{row['utilization_high']:.2f})\n"
            f"{row['probability_shift']:.0f} percentage points\n"
            f"{format_pvalue(row['utilization_pvalue'])}",
            row["verdict"],
        )
    return table
