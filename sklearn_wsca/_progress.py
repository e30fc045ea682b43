"""Progress of long work: bars in a terminal, a bar in a notebook, or lines of text."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from html import escape
from importlib.util import find_spec
from threading import Event, Thread
from typing import Any

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca._backend.progress import is_watched, watch_progress

SECONDS_UNSAID = 1.0
SECONDS_BETWEEN_LINES = 30.0
SECONDS_BETWEEN_PICTURES = 0.2
# The steps, as somebody who waits for them would call them.
STEPS = {
    "reading": "reading the files",
    "subspace": "finding the principal subspace",
    "head check": "applying the head",
    "fit heads": "fitting linear models",
    "comparison": "comparing the heads",
    "encoding": "predicting unseen rows",
    "encoding null": "permuting, still encoded?",
    "alignment null": "permuting, still aligned?",
    "reliability": "splitting in halves",
    "cross-fitting": "fitting heads without some rows",
    "erasure": "erasing the column",
    "effects": "measuring how the output moves",
    "utilization": "permuting, still moving the output?",
    "performance": "judging the decisions by level",
    "performance null": "permuting, still unequal?",
    "network null": "permuting, do the networks differ?",
    "intervention null": "permuting, does anything move?",
    "association": "permuting, with the target?",
    "detectable": "simulating audits",
    "component sensitivity": "comparing numbers of directions",
    "held-out rows": "judging the held-out rows",
    "features": "ranking the features",
    "shifts": "comparing the features of groups",
    "hashes": "recognising the files",
    "repair test": "comparing before and after",
    "repair": "writing what is repaired",
    "report": "drawing the report",
    "model": "running the model",
}


@contextmanager
def show_progress() -> Iterator[None]:
    """Show how far every analysis in this context has come, and the time left.

    In a notebook one bar stands below the cell while it runs, in a terminal one bar for
    every step; these need the extra ``cli``. Elsewhere (a pipe, a log file) every step
    that takes longer than a second gets a line on standard error, and another one every
    30 seconds.

    Yields
    ------
    None
        Nothing; the display ends with the block.

    Raises
    ------
    ImportError
        If bars are wanted in a terminal and rich is missing.

    Examples
    --------
    >>> from sklearn_wsca import WeightSpaceCorrelation, show_progress
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> heart = load_heart_hospitals()
    >>> analysis = WeightSpaceCorrelation("disease", target_head=heart.head)
    >>> with show_progress():
    ...     analysis = analysis.fit(heart.data, heart.metadata)
    """
    with _choose_display():
        yield


def _choose_display() -> AbstractContextManager[None]:
    if is_watched():
        # Shown already, by whoever called.
        return nullcontext()
    if _in_notebook():
        return _notebook_bar()
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    if is_terminal or find_spec("rich") is not None:
        needs = "progress in a terminal needs rich"
        console = import_extra("rich.console", "cli", needs).Console(stderr=True)
        if console.is_interactive:
            return progress_bars(console)
    return progress_lines(_write_line)


@contextmanager
def progress_lines(write: Callable[[str], None]) -> Iterator[None]:
    """Hand a line of text to `write` now and then while a step takes its time."""
    lines, ended = _Lines(write), Event()

    def watch_the_clock() -> None:
        # Steps of a single part tell nothing while they run.
        while not ended.wait(SECONDS_UNSAID):
            lines.say()

    clock = Thread(target=watch_the_clock, daemon=True)
    clock.start()
    try:
        with watch_progress(lines.follow):
            yield
    finally:
        ended.set()
        clock.join()


class _Lines:
    """What is said of steps that take long, of the one within others first."""

    def __init__(
        self, write: Callable[[str], None], clock: Callable = time.monotonic
    ) -> None:
        self.write, self.clock = write, clock
        self.open: list[Pace] = []

    def follow(self, name: str, done: int, total: int) -> None:
        """Keep what is told of a step."""
        last = self.open[-1] if self.open else None
        same = next((pace for pace in self.open if pace.name == name), last)
        pace = Pace.follow(same, name, self.clock())
        pace.done, pace.total = done, total
        others = [other for other in self.open if other is not pace]
        self.open = others if pace.ended else [*others, pace]

    def say(self) -> None:
        """Write a line if it is time for one."""
        now = self.clock()
        for pace in self.open[-1:]:
            silent = now - pace.said
            if now - pace.start >= SECONDS_UNSAID and silent >= SECONDS_BETWEEN_LINES:
                pace.said = now
                self.write(pace.describe(now))


class Pace:
    """A step, how far it is, and how long it will take."""

    def __init__(self, name: str, start: float) -> None:
        self.name, self.start = name, start
        self.done = self.total = 0
        self.said = start - SECONDS_BETWEEN_LINES

    @classmethod
    def follow(cls, pace: Pace | None, name: str, now: float) -> Pace:
        """Return the same step, or another one that begins now."""
        same = pace is not None and pace.name == name and not pace.ended
        return pace if pace is not None and same else cls(name, now)

    @property
    def words(self) -> str:
        """The step as somebody who waits for it would call it."""
        return STEPS.get(self.name, self.name)

    @property
    def ended(self) -> bool:
        """Whether all of it is done."""
        return 0 < self.total <= self.done

    def left(self, now: float) -> str:
        """Time left in words; nothing before it can be told."""
        if self.ended:
            return "done"
        if not self.total or not self.done:
            return ""
        seconds = (now - self.start) * (self.total - self.done) / self.done
        return f"{describe_seconds(seconds)} left"

    def describe(self, now: float) -> str:
        """The step in words, its share that is done, and the time left."""
        if not self.done:
            return f"{self.words} ..."
        if not self.total:
            return f"{self.words} {self.done} done"
        return f"{self.words} {self.done / self.total:.0%}, {self.left(now)}"


def describe_seconds(seconds: float) -> str:
    """Time for a reader, such as 3 min."""
    for length, unit in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 1.0):.0f} s"


def _write_line(line: str) -> None:
    sys.stderr.write(f"wsca: {line}\n")
    sys.stderr.flush()


def _in_notebook() -> bool:
    """Whether this is the kernel of a notebook; does not import IPython."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")


@contextmanager
def _notebook_bar() -> Iterator[None]:
    """One bar below the cell, which vanishes at the end."""
    from IPython.display import HTML, display

    picture = display(HTML(""), display_id=True)
    pace, drawn = Pace("", 0.0), 0.0

    def show(name: str, done: int, total: int) -> None:
        nonlocal pace, drawn
        now = time.monotonic()
        before, pace = pace, Pace.follow(pace, name, now)
        pace.done, pace.total = done, total
        if pace is not before or now - drawn >= SECONDS_BETWEEN_PICTURES:
            drawn = now
            picture.update(HTML(_draw_bar(pace, now)))

    try:
        with watch_progress(show):
            yield
    finally:
        picture.update(HTML(""))


def _draw_bar(pace: Pace, now: float) -> str:
    value = f' value="{pace.done}" max="{pace.total}"' if pace.total else ""
    return f"<progress{value}></progress> {escape(pace.describe(now))}"


@contextmanager
def progress_bars(console: Any) -> Iterator[None]:
    """Show a bar for every step while it runs, on a console of rich."""
    rich = import_extra("rich.progress", "cli")
    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(bar_width=16),
        rich.TaskProgressColumn(),
        rich.TextColumn("{task.fields[left]}"),
    )
    with rich.Progress(*columns, console=console, transient=True) as bars:
        paces: dict[str, Pace] = {}
        tasks: dict[str, Any] = {}

        def show(name: str, done: int, total: int) -> None:
            now = console.get_time()
            pace = paces[name] = Pace.follow(paces.get(name), name, now)
            pace.done, pace.total = done, total
            if name not in tasks:
                tasks[name] = bars.add_task(pace.words, total=None, left="")
            bars.update(
                tasks[name], completed=done, total=total or None, left=pace.left(now)
            )

        with watch_progress(show):
            yield
