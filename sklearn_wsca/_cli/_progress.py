"""Progress of an analysis as bars with the time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from sklearn_wsca._backend.jobs import watch_progress

# The steps of a fit, as somebody who waits for them would call them.
STEPS = {
    "fit heads": "fitting linear models",
    "encoding": "predicting unseen rows",
    "encoding null": "permuting, still encoded?",
    "alignment null": "permuting, still aligned?",
    "reliability": "splitting in halves",
    "erasure": "erasing the column",
    "utilization": "permuting, still moving the output?",
}


class _TimeLeft(TimeRemainingColumn):
    """Time until a step is done; nothing before it can be told."""

    def render(self, task: Task) -> Text:
        if task.finished:
            return Text("done", style="progress.remaining")
        if task.time_remaining is None:
            return Text()
        return super().render(task) + " left"


@contextmanager
def progress_bars(console: Console) -> Iterator[None]:
    """Show a bar for every step of the analysis while it runs."""
    if not console.is_interactive:
        # Some releases of rich leave an empty line behind even if told to be silent.
        yield
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TaskProgressColumn(),
        _TimeLeft(compact=True, table_column=Column(no_wrap=True)),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks = {name: bars.add_task(words, total=1) for name, words in STEPS.items()}

        def show(name: str, done: int, total: int) -> None:
            bars.update(tasks[name], completed=done, total=total)

        with watch_progress(show):
            yield
