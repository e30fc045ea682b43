"""Runs of the command on files, and what they leave."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from sklearn_wsca._cli.commands import wsca

FILES = ["report.html", "result.json", "summary.csv"]
COMMANDS = ("demo", "audit", "features", "compare", "intervene")
QUICK = ["--permutations", "99", "--no-sensitivity"]


def save(folder, data, name=""):
    """Save a data set as a user would export it."""
    folder.mkdir(exist_ok=True)
    np.save(folder / f"embeddings{name}.npy", data.data)
    data.metadata.to_csv(folder / f"metadata{name}.csv", index=False)
    if not name:
        coef, intercept = data.head
        np.savez(folder / "head.npz", weight=coef, bias=intercept)
    return folder


def run(*parts, code=0):
    """Run the command with these words, without progress; returns what it printed."""
    parts = [*parts, "--quiet"] if {*parts} & {*COMMANDS} else parts
    environment = {"COLUMNS": "100", "TERM": "xterm"}
    result = CliRunner().invoke(wsca, list(map(str, parts)), env=environment)
    assert result.exit_code == code, result.output
    return result


def audit(folder, *options, code=0, out="out", head=True, quick=True):
    """Run the command on the files of a folder; returns what it printed."""
    command = ["audit", folder / "embeddings.npy", folder / "metadata.csv"]
    command += [] if "--target" in options else ["--target", "target"]
    command += ["--out", folder / out]
    command += ["--head", folder / "head.npz"] if head else []
    command += QUICK if quick else []
    return run(*command, *options, code=code)


def result_of(folder, out="out"):
    return json.loads((folder / out / "result.json").read_text("utf-8"))


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def run_demo(folder, *options):
    result = run("demo", "--permutations", "99", "--out", folder, *options)
    return result.stdout.replace(str(folder), "FOLDER")


def assert_same_numbers(one, two):
    """Both hold the same text, and numbers that are equal but for rounding."""
    if isinstance(one, dict):
        assert list(one) == list(two)
        one, two = list(one.values()), list(two.values())
    if isinstance(one, list):
        for own, other in zip(one, two, strict=True):
            assert_same_numbers(own, other)
    else:
        assert one == (pytest.approx(two) if isinstance(two, float) else two)
