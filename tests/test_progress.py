"""Progress as bars in a terminal, lines elsewhere, and a bar in a notebook."""

import re
import sys
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation, _progress, show_progress
from sklearn_wsca._backend.progress import step, tell
from sklearn_wsca._progress import STEPS, describe_seconds

ERASE_LINE = "\x1b[2K"


@pytest.fixture
def screen(monkeypatch):
    """What a terminal receives, and its console."""
    console = pytest.importorskip("rich.console")
    monkeypatch.setenv("TERM", "xterm")
    return console.Console(file=StringIO(), force_terminal=True, width=100)


def last_bars(screen, n):
    """The lines of the n bars as they were last drawn, before they were erased."""
    drawn = screen.file.getvalue()
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn).splitlines()
    bars = [line.strip() for line in lines if "%" in line]
    return bars[-n:]


def make_fit(**options):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(60, 4)) * [1.0, 10.0, 0.1, 3.0] + 5.0
    table = pd.DataFrame({name: generator.choice(list("abc"), 60) for name in "xy"})
    analysis = WeightSpaceCorrelation(
        "x", target_head=np.eye(3, 4), n_permutations=99, random_state=0, **options
    )
    return lambda: analysis.fit(X, table)


class TestTerminal:
    def test_every_step_is_shown_to_its_end(self, screen):
        with _progress.progress_bars(screen):
            make_fit(check_head=False)()
        bars = last_bars(screen, 13)
        shown = [re.split(r" +━", line)[0].strip() for line in bars]
        assert shown == [words for words in STEPS.values() if words in shown]
        assert shown[0] == STEPS["subspace"] and shown[-1] == STEPS["performance null"]
        assert all(line.endswith("100% done") for line in bars)

    def test_they_vanish(self, screen):
        with _progress.progress_bars(screen):
            tell("encoding", 1, 2)
            tell("erasure", 1, 2)
        drawn = screen.file.getvalue()
        after = drawn[drawn.rindex("%") :]
        assert after.count(ERASE_LINE) == 2

    def test_time_left_follows_the_pace_of_the_step(self, screen):
        now = 5.0
        screen.get_time = lambda: now
        with _progress.progress_bars(screen):
            tell("fit heads", 0, 2)
            tell("fit heads", 2, 2)
            tell("encoding null", 0, 50)
            for done in range(1, 11):
                now += 2.0
                tell("encoding null", done, 50)
        fit_heads, encoding_null = last_bars(screen, 2)
        assert fit_heads.endswith("100% done")
        assert encoding_null.endswith("20% 80 s left")

    def test_they_are_chosen_on_a_terminal_and_shown_once(self, screen, monkeypatch):
        monkeypatch.setattr("rich.console.Console", lambda stderr: screen)
        with show_progress(), show_progress():
            tell("encoding", 1, 2)
        assert STEPS["encoding"] in last_bars(screen, 1)[0]

    def test_without_rich_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "rich.console", None)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        needs = r'in a terminal needs rich: pip install "\.\[cli\]"'
        with pytest.raises(ImportError, match=needs), show_progress():
            pass


@pytest.fixture
def lines():
    """Lines that were said, and how to let time pass."""
    said, now = [], [100.0]
    told = _progress._Lines(said.append, lambda: now[0])

    def wait(seconds):
        for _ in range(seconds):
            now[0] += 1.0
            told.say()

    return SimpleNamespace(said=said, tell=told.follow, wait=wait)


class TestLines:
    def test_a_step_has_a_line_after_a_second_and_every_30_seconds(self, lines):
        lines.tell("encoding null", 0, 100)
        assert lines.said == []
        lines.wait(1)
        assert lines.said == [f"{STEPS['encoding null']} ..."]
        lines.tell("encoding null", 10, 100)
        lines.wait(29)
        assert len(lines.said) == 1
        lines.wait(30)
        assert lines.said[1:] == [f"{STEPS['encoding null']} 10%, 5 min left"]

    def test_a_short_step_has_none(self, lines):
        for number in range(40):
            lines.tell(f"step {number}", 0, 1)
            lines.tell(f"step {number}", 1, 1)
            lines.wait(1)
        assert lines.said == []

    def test_the_inner_step_is_said_and_then_the_outer_one(self, lines):
        lines.tell("held-out rows", 0, 1)
        lines.tell("utilization", 0, 4)
        lines.wait(2)
        lines.tell("utilization", 4, 4)
        lines.wait(2)
        lines.tell("held-out rows", 1, 1)
        lines.wait(40)
        assert lines.said == [
            f"{STEPS['utilization']} ...",
            f"{STEPS['held-out rows']} ...",
        ]

    def test_a_step_that_comes_again_begins_again(self, lines):
        lines.tell("alignment null", 0, 2)
        lines.wait(10)
        lines.tell("alignment null", 2, 2)
        lines.tell("alignment null", 0, 4)
        lines.tell("alignment null", 1, 4)
        lines.wait(1)
        assert lines.said[1:] == [f"{STEPS['alignment null']} 25%, 3 s left"]

    def test_what_nobody_knows_the_end_of_is_counted(self, lines):
        lines.tell("model", 7, 0)
        lines.wait(1)
        assert lines.said == [f"{STEPS['model']} 7 done"]

    def test_without_a_terminal_they_go_to_standard_error(self, monkeypatch, capsys):
        monkeypatch.setattr(_progress, "SECONDS_UNSAID", 0.01)
        said = []
        monkeypatch.setattr(_progress, "_write_line", said.append)
        with show_progress(), step("reading"):
            while not said:
                pass
        assert said[0] == f"{STEPS['reading']} ..."
        monkeypatch.undo()
        _progress._write_line("x")
        assert capsys.readouterr() == ("", "wsca: x\n")

    def test_an_error_ends_them(self):
        with pytest.raises(ValueError, match="wrong"), show_progress():
            raise ValueError("wrong")


class TestNotebook:
    @pytest.fixture
    def pages(self, monkeypatch):
        """What the output below a cell was, one after the other."""
        pages = []
        handle = SimpleNamespace(update=pages.append)

        def display(page, display_id):
            assert display_id
            pages.append(page)
            return handle

        parts = SimpleNamespace(HTML=str, display=display)
        shell = SimpleNamespace(kernel=object())
        ipython = SimpleNamespace(get_ipython=lambda: shell, display=parts)
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        monkeypatch.setitem(sys.modules, "IPython.display", parts)
        return pages

    def test_every_step_has_a_bar_which_vanishes(self, pages):
        with show_progress():
            make_fit(check_head=False)()
        assert pages[0] == pages[-1] == ""
        for name in ("subspace", "encoding null", "utilization"):
            assert any(STEPS[name] in page for page in pages)
        assert all(page.startswith("<progress value=") for page in pages[1:-1])

    def test_it_is_drawn_now_and_then_and_text_is_escaped(self, pages):
        with show_progress():
            for done in range(1000):
                tell("<b>", done, 1000)
        assert 3 <= len(pages) < 100
        assert "&lt;b&gt;" in pages[1] and "<b>" not in pages[1]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (59.0, "59 s"), (89.0, "89 s"), (90.0, "2 min"), (7200.0, "2 h")],
)
def test_time_in_words(seconds, words):
    assert describe_seconds(seconds) == words
