"""Bars of progress."""

import re
from io import StringIO

import pytest
from rich.console import Console

from sklearn_wsca._backend.jobs import _watcher
from sklearn_wsca._cli import _audit
from sklearn_wsca._cli._progress import STEPS, progress_bars
from tests.command_runs import run_demo

ERASE_LINE = "\x1b[2K"


@pytest.fixture
def screen(monkeypatch):
    """What a terminal receives, and its console."""
    monkeypatch.setenv("TERM", "xterm")
    return Console(file=StringIO(), force_terminal=True, width=100)


def last_bars(screen):
    """The lines of the bars as they were last drawn, before they were erased."""
    drawn = screen.file.getvalue()
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn).splitlines()
    bars = [line.strip() for line in lines if "%" in line]
    return bars[-len(STEPS) :]


class TestProgressBars:
    def test_every_step_is_shown_to_its_end(
        self, screen, demo_output, monkeypatch, tmp_path
    ):
        def console(stderr=False):
            return screen if stderr else Console()

        monkeypatch.setattr(_audit, "Console", console)
        assert run_demo(tmp_path) == demo_output
        bars = last_bars(screen)
        shown = [line.split("  ")[0].split(" ━")[0] for line in bars]
        assert shown == list(STEPS.values())
        assert all(line.endswith("100% done") for line in bars)
        assert not re.search("100%|done|[╸╺\x1b\r]", demo_output)

    def test_they_vanish(self, screen):
        with progress_bars(screen):
            pass
        drawn = screen.file.getvalue()
        after = drawn[drawn.rindex("%") :]
        assert after.count(ERASE_LINE) == len(STEPS)

    def test_time_left_follows_the_pace_of_the_step(self, screen):
        now = 0.0
        screen.get_time = lambda: now
        with progress_bars(screen):
            show = _watcher.get()
            show("fit heads", 1, 2)
            for done in range(1, 11):
                show("encoding null", done, 50)
                now += 2.0
        fit_heads, encoding, encoding_null, *later = last_bars(screen)
        assert fit_heads.endswith("50%")
        assert encoding.endswith("0%")
        assert encoding_null.endswith("20% 01:20 left")
        assert all(line.endswith(" 0%") for line in later)

    def test_without_a_terminal_nothing_is_written(self):
        file = StringIO()
        with progress_bars(Console(file=file, force_terminal=False)):
            assert _watcher.get() is None
        assert file.getvalue() == ""
