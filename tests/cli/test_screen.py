"""``wsca screen``: from a table to what could be a shortcut."""

import json

import pandas as pd
import pytest

from tests.command_runs import run
from tests.screening.test_from_table import draw_study

QUICK = ("--target", "disease", "--permutations", "99", "--quiet")
FILES = ["confusable.csv", "levels.csv", "screen.html", "screen.json", "summary.csv"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    table = draw_study()
    table.to_csv(folder / "table.csv", index=False)
    table[["disease", "constant"]].to_csv(folder / "nothing.csv", index=False)
    return folder


def screen(folder, *options, code=0, out="out", table="table.csv"):
    words = (*QUICK, "--out", folder / out, *options)
    return run("screen", folder / table, *words, code=code)


@pytest.fixture(scope="module")
def printed(folder):
    return screen(folder, "--groups", "patient").stdout


def result_of(folder, out="out"):
    return json.loads((folder / out / "screen.json").read_text("utf-8"))


def test_what_is_printed(printed):
    assert "could be a shortcut" in printed
    assert "too small" in printed and "untestable" in printed
    steps = printed.partition("What to do next")[2]
    assert "1. Add other rows, or do without an answer on 'hopeless'" in steps
    assert "'scanner' and 'site' stand for each other" in steps
    assert "wsca audit EMBEDDINGS METADATA --target disease" in steps
    assert "--columns scanner age view site" in " ".join(steps.split())


def test_it_fits_into_the_terminal(folder):
    lines = screen(folder, "--groups", "patient", out="narrow").stdout.splitlines()
    paths = [line for line in lines if str(folder) in line]
    assert max(len(line) for line in lines if line not in paths) <= 100


def test_the_files(folder, printed):
    assert sorted(path.name for path in (folder / "out").iterdir()) == FILES
    found = result_of(folder)
    assert found["inputs"]["metadata"].startswith("table.csv (sha256")
    assert [own["name"] for own in found["columns"]][:2] == ["scanner", "age"]
    table = pd.read_csv(folder / "out" / "summary.csv", index_col=0)
    scanner = found["columns"][0]
    assert table.loc["scanner", "units_needed"] == scanner["units_needed"]
    assert table.loc["constant", "outlook"] == "left out"
    levels = pd.read_csv(folder / "out" / "levels.csv", index_col=[0, 1, 2])
    assert levels.loc[("hopeless", "S", "no"), "finding"] == "empty"
    pairs = pd.read_csv(folder / "out" / "confusable.csv", index_col=[0, 1])
    assert ("scanner", "site") in pairs.index


def test_it_is_the_same_a_second_time_and_replaces_the_first(folder, printed):
    before = (folder / "out" / "screen.json").read_bytes()
    assert screen(folder, "--groups", "patient").stdout == printed
    assert (folder / "out" / "screen.json").read_bytes() == before


def test_options_reach_the_screening(folder):
    options = ("--columns", "scanner", "age", "--bins", "3", "--auroc", "0.8")
    options += ("--intraclass-correlation", "0.2", "--min-effect", "0.9")
    options += ("--groups", "patient", "--combine", "scanner", "view")
    printed = screen(folder, *options, out="options").stdout
    assert "--columns scanner age --combine scanner view" in " ".join(printed.split())
    found = result_of(folder, "options")
    names = [own["name"] for own in found["columns"]]
    assert names == ["scanner", "age", "scanner & view"]
    assert found["columns"][1]["n_levels"] == 3
    assert found["columns"][1]["rarest_level"].startswith("(")
    keys = ("auroc", "intraclass_correlation", "min_effect")
    assert [found[key] for key in keys] == [0.8, 0.2, 0.9]
    assert {own["outlook"] for own in found["columns"]} == {"enough"}


@pytest.mark.parametrize(
    ("options", "table", "message"),
    [
        (["--binning", "uniform"], "table.csv", "--binning uniform: into how many"),
        (["--target", "diseas"], "table.csv", "--target: there is no column 'diseas'"),
        (["--groups", "site2"], "table.csv", "--groups: there is no column 'site2'"),
        (["--columns", "constant"], "table.csv", "'constant': constant: all"),
        ([], "nothing.csv", "all columns are left out, nothing to analyse"),
        (["--auroc", "1"], "table.csv", "--auroc"),
        (
            ["--categorical", "age", "--continuous", "age"],
            "table.csv",
            "--categorical and --continuous both name 'age'",
        ),
        ([], "none.csv", "none.csv"),
    ],
)
def test_bad_input_ends_in_one_line(folder, options, table, message):
    result = screen(folder, *options, code=2, table=table, out="bad")
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (folder / "bad").exists()


def test_a_folder_of_an_audit_is_not_replaced(folder):
    (folder / "audit").mkdir()
    (folder / "audit" / "report.html").write_text("mine")
    assert "report.html" in screen(folder, code=2, out="audit").stderr
