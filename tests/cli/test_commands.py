import os
import re
import subprocess
import sys
import warnings
from contextlib import suppress
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from sklearn_wsca import __version__
from sklearn_wsca._backend.jobs import _watcher
from sklearn_wsca._cli import _audit
from sklearn_wsca._cli._errors import InputError, refuse
from sklearn_wsca._cli._notes import collect_warnings
from sklearn_wsca._cli._progress import STEPS, progress_bars
from sklearn_wsca._cli.commands import wsca

ERASE_LINE = "\x1b[2K"


def run_demo(folder, *options):
    environment = {"COLUMNS": "100", "TERM": "xterm"}
    command = ["demo", "--permutations", "99", "--out", str(folder), *options]
    result = CliRunner().invoke(wsca, command, env=environment)
    assert result.exit_code == 0, result.output
    return result.stdout.replace(str(folder), "FOLDER")


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo_output(demo_folder):
    return run_demo(demo_folder)


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


def test_version():
    result = CliRunner().invoke(wsca, ["--version"])
    assert result.exit_code == 0
    assert __version__ in result.stdout


def test_demo_prints_every_column_and_the_caveat(demo_output):
    for words in ("hospital", "sex", "age", "920 rows", "not proof of a cause"):
        assert words in " ".join(demo_output.split())
    assert "nan" not in demo_output


def test_demo_gives_a_verdict_and_a_sentence_for_every_column(demo_output):
    text = " ".join(demo_output.split())
    for name in ("hospital", "sex", "age"):
        assert re.search(rf"{name}: (not )?\w+\. The network's output", text)


def test_demo_writes_a_report_and_says_where(demo_folder, demo_output):
    assert "Report, to open in a browser: FOLDER/report.html\n" in demo_output
    page = (demo_folder / "report.html").read_text("utf-8")
    assert "hospital" in page and "</html>" in page
    assert (demo_folder / "result.json").exists()


def test_demo_gives_the_same_answer_twice(demo_folder, demo_output, tmp_path):
    assert run_demo(tmp_path) == demo_output
    for path in demo_folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert run_demo(tmp_path, "--seed", "3") != demo_output


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


def test_output_that_nobody_reads_on_ends_quietly(monkeypatch):
    """As in `wsca audit --help | head -0`."""
    reader, writer = os.pipe()
    os.close(reader)
    error = StringIO()
    # What was not written is tried again when the pipe is closed.
    with suppress(BrokenPipeError), os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        monkeypatch.setattr(sys, "stderr", error)
        with pytest.raises(SystemExit) as caught:
            wsca.main(["audit", "--help"])
        monkeypatch.undo()
    assert caught.value.code == 1
    assert error.getvalue() == ""


class TestRefuse:
    ADVICE = (
        "; save embeddings as .npy, which is read in blocks, or analyse fewer rows."
    )

    @pytest.mark.parametrize(
        ("files", "named"),
        [
            ({"y": Path("y.csv")}, "y.csv"),
            ({"X": Path("X.csv"), "y": Path("y.csv"), "head": Path("h.pt")}, "X.csv"),
        ],
    )
    def test_memory_names_the_largest_file(self, files, named):
        message = f"{named}: the memory of this machine does not suffice"
        with pytest.raises(InputError) as caught, refuse(files):
            raise MemoryError
        assert caught.value.message == message + self.ADVICE
        with pytest.raises(InputError) as caught, refuse(files):
            np.empty(2**58)
        assert caught.value.message.startswith(message + " (Unable to allocate ")
        assert caught.value.message.endswith(")" + self.ADVICE)

    def test_defects_are_not_taken_for_bad_input(self):
        with pytest.raises(ZeroDivisionError), refuse({"y": Path("y.csv")}):
            raise ZeroDivisionError


def test_notes_are_for_users_and_not_for_programmers(capsys):
    notes = []
    with collect_warnings(notes):
        warnings.warn("old name", FutureWarning, stacklevel=1)
        warnings.warn("few\nrows", UserWarning, stacklevel=1)
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)
        warnings.warn("old call", DeprecationWarning, stacklevel=1)
    assert notes == ["few rows", "overflow"]
    assert capsys.readouterr().err == ("wsca: note: few rows\nwsca: note: overflow\n")


def test_too_few_permutations_is_a_usage_error():
    result = CliRunner().invoke(wsca, ["demo", "--permutations", "5"])
    assert result.exit_code == 2
    assert "--permutations" in result.output


def test_module_runs_the_same_command():
    command = [sys.executable, "-m", "sklearn_wsca", "--version"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert __version__ in run.stdout


@pytest.mark.parametrize("missing", ["click", "rich", "jinja2", "matplotlib"])
def test_missing_extra_names_the_install_command(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "import sklearn_wsca.__main__ as m; m.main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.strip() == (
        f"wsca: the command line needs {missing}, which is not installed. "
        'Install it with: pip install "sklearn_wsca[cli]"'
    )
