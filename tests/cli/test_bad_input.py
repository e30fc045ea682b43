"""Broken and hostile files on the command line: one line, exit code 2, no output."""

import re

import pytest
from click.testing import CliRunner

from sklearn_wsca._cli.commands import wsca
from sklearn_wsca._text import printable
from tests.broken_registry import REGISTRY


def audit(files, out):
    command = ["audit", files["embeddings"], files["metadata"], "--out", out]
    for name, value in files["options"].items():
        command += [f"--{name}", value]
    command += ["--permutations", "99", "--no-sensitivity"]
    return CliRunner().invoke(wsca, list(map(str, command)))


@pytest.mark.parametrize("broken", REGISTRY, ids=lambda broken: broken.name)
def test_one_line_names_file_and_fix(broken, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    files = broken.build(folder)
    before = sorted(folder.rglob("*"))
    result = audit(files, out)
    assert result.exit_code == 2, (result.output, result.exception)
    assert result.stdout == ""
    notes = [line for line in result.stderr.splitlines() if ": note: " not in line]
    (line,) = notes
    assert line.startswith("wsca: ") and line.isprintable()
    named = {**files, **files["options"]}[broken.file]
    assert printable(named.name) in line
    assert re.search(broken.fix, line), line
    assert not out.exists()
    assert sorted(folder.rglob("*")) == before


def test_enough_is_broken():
    names = [broken.name for broken in REGISTRY]
    assert len(set(names)) == len(names) >= 40
