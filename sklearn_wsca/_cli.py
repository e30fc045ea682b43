"""The command line: arguments by click, tables by rich."""

from __future__ import annotations

from collections import Counter
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
from sklearn_wsca._wording import describe_column, describe_encoding, format_pvalue

INTRODUCTION = """\
A small network was trained to tell heart disease from eight routine measurements, \
age and sex among them, of patients in four hospitals. It was not told the hospital. \
Can hospital, sex and age be read off what the network has computed (encoded), and \
does its decision point along them (aligned)?"""

READING = """\
Encoded: how well a linear model tells the column from the network's embedding, on \
patients it was not fitted on (right: balanced accuracy, the mean over levels of the \
share recognised); the p-value says how often a shuffled column is predicted as well. \
Aligned: how far that model and the network's decision read the \
same directions of the embedding (root mean square cosine; 0 = unrelated, 1 = the \
same), with a p-value from shuffled columns and refitted models, corrected for looking \
at several columns. Aligned at equal \
disease rates: the same after weighting the patients so that disease is equally \
frequent at every value of the column.

What this does not say: alignment is not use. A decision can align with a column only \
because the patients with the disease are unevenly spread over it, and it can use a \
column through directions that no single number here shows. Whether the network's \
output moves with a column at fixed disease status (utilization) is not computed by \
this version, so no column is declared used or unused."""

# The steps of a fit, as somebody who waits for them would call them.
STEPS = {
    "fit heads": "fitting linear models",
    "encoding": "predicting unseen patients",
    "encoding null": "shuffling, still encoded?",
    "alignment null": "shuffling, still aligned?",
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
        text = describe_column(
            result.summary.loc[name],
            result.adjusted.loc[name],
            result.metrics.loc[name],
            "disease",
        )
        console.print(f"[bold]{escape(str(name))}[/bold]: {text}", highlight=False)
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
    """Show a bar for every step of the two analyses while they run."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TaskProgressColumn(),
        _TimeLeft(compact=True, table_column=Column(no_wrap=True)),
    )
    # Without a terminal, rich would leave an empty line behind.
    hidden = not console.is_interactive
    with Progress(*columns, console=console, transient=True, disable=hidden) as bars:
        tasks = {
            (i, name): bars.add_task(f"Analysis {i} of 2: {words}", total=1)
            for i in (1, 2)
            for name, words in STEPS.items()
        }
        begun: Counter[str] = Counter()

        def show(name: str, done: int, total: int) -> None:
            begun[name] += done == 1
            bars.update(tasks[begun[name], name], completed=done, total=total)

        with watch_progress(show):
            yield


def _demo_table(result: Demo) -> Table:
    table = Table(title="Metadata and the decision 'disease'", title_justify="left")
    table.add_column("column", style="bold")
    table.add_column("what it is")
    table.add_column("encoded")
    table.add_column("aligned")
    table.add_column("aligned at equal\ndisease rates")
    for name in result.summary.index:
        row, adjusted = result.summary.loc[name], result.adjusted.loc[name]
        levels = "" if row["kind"] == "continuous" else f", {row['n_levels']} levels"
        encoding = describe_encoding(row, result.metrics.loc[name])
        encoding = encoding.replace(", ", ",\n")
        table.add_row(
            escape(str(name)),
            f"{row['kind']}{levels}\n{row['n_samples']} patients",
            f"{encoding}\n{format_pvalue(row['encoding_pvalue'])}",
            *(
                f"{r['alignment_score']:.2f}\n{format_pvalue(r['alignment_pvalue_fwer'])}"
                for r in (row, adjusted)
            ),
        )
    return table
