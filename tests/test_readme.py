"""The README's examples run as they stand, from a trained network to a report."""

import shlex

import numpy as np
import pytest
from click.testing import CliRunner

from sklearn_wsca._cli.commands import wsca
from tests.pages import N_FEATURES, N_ROWS, blocks, network, write_files


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What the README takes for granted: a network, a loader, files of the user."""
    study, _ = write_files(tmp_path)
    names = network(study)
    for made_by_the_readme in ("embeddings.npy", "head.npz"):
        (tmp_path / made_by_the_readme).unlink()
    monkeypatch.chdir(tmp_path)
    return names


def test_from_a_network_to_a_report(names, tmp_path, capsys):
    extraction, from_python, predictions, *others = blocks("python")
    exec(compile(extraction, "README.md", "exec"), names)
    assert np.load(tmp_path / "embeddings.npy").shape == (N_ROWS, N_FEATURES)

    (command,) = blocks("console")
    program, *arguments = shlex.split(command)
    assert program == "wsca"
    done = CliRunner().invoke(wsca, arguments)
    assert done.exit_code == 0, done.output
    files = sorted(path.name for path in (tmp_path / "wsca-report").iterdir())
    assert files == ["report.html", "result.json", "summary.csv"]
    assert "scanner" in (tmp_path / "wsca-report" / "report.html").read_text("utf-8")

    capsys.readouterr()
    exec(compile(from_python, "README.md", "exec"), names)
    exec(compile(predictions, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    for words in ("scanner", "age", "verdict", " to "):
        assert words in printed
    for block in others:
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "sensitivity  specificity" in printed
    assert "That performance differs with 'scanner' is not shown" in printed
    assert "less used: with 'scanner' the outputs of the second network" in printed
    assert "240 units under 2 levels." in printed
    assert "patient" not in names["analysis"].summary_.index
    assert "scanner" in (tmp_path / "report.html").read_text("utf-8")


def test_there_are_exactly_two_set_up_commands():
    (first, second) = blocks("sh")
    assert "wsca demo" in first
    assert "pytest" in second and "constraints.txt" in second
