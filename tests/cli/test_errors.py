"""What is refused in one line, and what is not."""

import os
import sys
import time
from contextlib import suppress
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from sklearn_wsca._cli._errors import InputError, refuse
from sklearn_wsca._cli.commands import wsca
from tests.command_runs import run


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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["audit", "X.npy"], "Missing argument 'METADATA'. See wsca audit --help."),
        (["audit", "X.npy", "T.csv"], "Missing option '--target'. See wsca audit"),
        (["audit", "X", "T", "--targt", "a"], "--target"),
        (["compare", "--heads", "a"], "--head-key"),
        (["audit", "--permutations", "9"], "--permutations': 9 is not in the range"),
        (["audit", "--fail-on", "maybe"], "'maybe' is not one of 'used', 'not used'"),
        (["demo", "more"], "unexpected extra argument (more). See wsca demo --help."),
        (["adit"], "No such command 'adit'."),
        (["--nope"], "See wsca --help."),
    ],
)
def test_what_is_typed_wrongly_is_told_in_one_line(words, message):
    printed = run(*words, code=2)
    assert printed.stdout == ""
    assert printed.stderr.startswith("wsca: ") and message in printed.stderr
    assert printed.stderr.count("\n") == 1


def test_help_is_shown_where_nothing_is_typed():
    printed = run(code=2)
    assert "Commands:" in printed.output and "wsca: " not in printed.output


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


def test_a_line_has_an_end():
    """A file may say anything of itself; the advice is not lost."""
    line = InputError("X.npy: " + "a" * 60_000 + "; write it again.").message
    assert len(line) < 2000
    assert line.startswith("X.npy: aaa") and line.endswith("a; write it again.")


def test_a_line_of_any_length_takes_no_time():
    """A word of 60,000 letters would take seconds, one of ten times as many minutes."""
    before = time.process_time()
    for said in ("a" * 10**6, "a=" * 10**6):
        line = InputError(f"X.npy: {said}; write it again.").message
        assert line.endswith("; write it again.")
        with (
            pytest.raises(InputError, match=r"write it again\.$"),
            refuse({"y": Path("T.csv")}),
        ):
            raise ValueError(f"X: {said}; write it again.")
    assert time.process_time() - before < 4.0


@pytest.mark.parametrize(
    ("message", "start"),
    [
        ("outputs_b: no numbers", "b.npy: OUTPUTS_B"),
        ("outputs_b has 3 columns and outputs_a has 2", "b.npy and a.npy: OUTPUTS_B"),
        ("outputs_a[3] is missing", "a.npy: "),
        ("column 'age' has 3 values", "t.csv: column 'age'"),
        ("level has 5 rows and outputs_a has 4", "t.csv and a.npy: level"),
        ("there is nothing", "t.csv: there is"),
    ],
)
def test_the_files_of_the_arguments_are_named(message, start):
    files = {"y": Path("t.csv"), "outputs_a": Path("a.npy"), "outputs_b": "b.npy"}
    with pytest.raises(InputError) as error, refuse(files):
        raise ValueError(message)
    assert error.value.message.startswith(start)
