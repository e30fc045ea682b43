"""Broken and hostile files on the command line: one line, exit code 2, no output."""

import re

import pytest
from click.testing import CliRunner

from sklearn_wsca._cli.commands import wsca
from sklearn_wsca._text import printable
from tests.broken_registry import REGISTRY

LEAVE_OUT_ID = r"has no id column 'sample'.*both files, or leave out --id where row i"
# Where the fix is an option: what the command says in place of the library.
AS_TYPED = {
    "several matrices": r"'second' \(60, 2\); name one with --embeddings-key\.$",
    "two heads": r"'a\.weight' \(3, 6\); name one with --head-key\.$",
    "weights of one output": r"name 'coef' with --head-key if it is the head of one",
    "ids without metadata": r"'s058', 's059'.*leave .* out with --unmatched drop\.$",
    "ids among features": r"'patient_id' looks like ids.*with --id patient_id, or ren",
    "parquet with long text among features": "name the ids with --id and move",
    **dict.fromkeys(
        [
            "no id column in parquet",
            "no id column in h5ad",
            "no ids beside an array",
            "no id column in text",
        ],
        LEAVE_OUT_ID,
    ),
}


def audit(files, out):
    command = ["audit", files["embeddings"], files["metadata"], "--out", out]
    for name, value in files["options"].items():
        command += [f"--{name}", value]
    command += ["--permutations", "99", "--no-sensitivity", "--quiet"]
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
    assert re.search(AS_TYPED.get(broken.name, broken.fix), line), line
    assert not re.search(r"\b(id|key|unmatched)=|(with|as|out) (id|key)\b", line), line
    assert not out.exists()
    assert sorted(folder.rglob("*")) == before


def test_enough_is_broken():
    names = [broken.name for broken in REGISTRY]
    assert len(set(names)) == len(names) >= 40
