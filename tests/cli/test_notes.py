"""Warnings as notes, and progress."""

import re
import subprocess
import sys
import warnings

import pytest

from sklearn_wsca import _progress
from sklearn_wsca._backend.progress import is_watched, step
from sklearn_wsca._cli._notes import collect_warnings, progress


def test_notes_are_for_users_and_not_for_programmers(capsys):
    notes = []
    with collect_warnings(notes):
        warnings.warn("old name", FutureWarning, stacklevel=1)
        warnings.warn("few\nrows", UserWarning, stacklevel=1)
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)
        warnings.warn("old call", DeprecationWarning, stacklevel=1)
    assert notes == ["few rows", "overflow"]
    assert capsys.readouterr().err == ("wsca: note: few rows\nwsca: note: overflow\n")


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_is_shown_unless_nobody_wants_it(quiet):
    with progress(quiet):
        assert is_watched() is not quiet
    assert not is_watched()


@pytest.mark.parametrize("options", [[], ["--quiet"]], ids=["", "quiet"])
def test_lines_of_a_command_in_a_pipe(options, folder, tmp_path):
    """Of every step that takes longer than a moment; the answers are as without."""
    script = (
        "from sklearn_wsca import _progress; _progress.SECONDS_UNSAID = 0.001; "
        "from sklearn_wsca.__main__ import main; main()"
    )
    files = [folder / name for name in ("embeddings.npy", "metadata.csv")]
    words = ["audit", *files, "--target", "target", "--head", folder / "head.npz"]
    words += ["--out", tmp_path / "out", "--permutations", "999", *options]
    command = [sys.executable, "-c", script, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said = re.findall(r"^wsca: (.+?) (?:\.\.\.|\d+%, .+ left)$", done.stderr, re.M)
    if options:
        assert done.stderr == ""
    else:
        assert len(said) == len(done.stderr.splitlines())
        expected = {"alignment null", "component sensitivity", "report"}
        assert {_progress.STEPS[name] for name in expected} <= {*said}
    assert "scanner: used." in done.stdout and "wsca:" not in done.stdout


def test_a_step_that_is_refused_ends_its_progress():
    with pytest.raises(ValueError, match="x"), progress(False), step("reading"):
        raise ValueError("x")
    assert not is_watched()
