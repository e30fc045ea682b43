"""Messages name options as they are typed, and nothing that only Python knows."""

import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from sklearn_wsca._cli._wording import FLAGS, OPTIONS, as_typed
from sklearn_wsca._cli.commands import wsca

SAID = {
    "name it with id='patient_id', or rename it": "name it with --id patient_id, or re",
    "name it with id='patient id', or": "name it with --id 'patient id', or",
    "name the ids with id and move": "name the ids with --id and move",
    "leave out id if row i": "leave out --id if row i",
    "name one with key.": "name one with --head-key.",
    "key='fc': a .npy file holds one; leave out key.": "--head-key fc: a .npy file "
    "holds one; leave out --head-key.",
    "out with unmatched='drop' (on the command line: --unmatched drop).": "out with "
    "--unmatched drop.",
    "columns: there is no column 'sit'": "--columns: there is no column 'sit'",
    "target='age' cannot be": "--target age cannot be",
    "n_permutations=9: no p-value can reach significance=0.05; use n_permutations=39": (
        "--permutations 9: no p-value can reach --significance 0.05; use "
        "--permutations 39"
    ),
    "pass columns=['a', 'b c'].": "pass --columns a 'b c'.",
    "such as kinds={'a': 'continuous'} (--continuous a); naming": "such as "
    "--continuous a; naming",
    "kinds: columns of few integers": "columns of few integers",
    "call it continuous (kinds={'weight': 'continuous'}).": "call it continuous "
    "(--continuous weight).",
    "held_out=True (--rows-are-held-out), otherwise": "--rows-are-held-out, otherwise",
    "say so (--rows-are-held-out; held_out=True).": "say so (--rows-are-held-out).",
    "it is for Python, head_from_module(..., classes=...)": "it is for Python, "
    "head_from_module(..., classes=...)",
    "stands for 'a' by target_output (--output): its number": "stands for 'a' by "
    "--output: its number",
    "belong to one patient, name it in groups (--groups).": "belong to one patient, "
    "name it with --groups.",
    "use check_head=False to go on": "use --no-check-head to go on",
    "y: the metadata table has no column": "the metadata table has no column",
    "name the patient in groups.": "name the patient with --groups.",
    "they are numbers as text: convert them with pd.to_numeric": "they are numbers as "
    "text: name the column in --continuous",
    "dates; convert them with pd.to_datetime first": "dates; write them as 2026-01-31",
    "say which one stands for 'a' by target_output: its name": "say which one stands "
    "for 'a' by --output: its name",
    "so leave out target_output": "so leave out --output",
    "or leave target_head out to have": "or leave --head out to have",
    "in order: Head(coef, intercept, classes=...) or head_from_module(..., "
    "classes=...); rows": "in order: --classes; rows",
    "orders (match them by an id: id=... of load_embeddings and load_metadata, and "
    "match_rows)": "orders (match them by an id: --id)",
    "such as scaled (in a Pipeline: Head.behind(step)); it": "such as scaled; it",
    "say so: kinds={'age': 'categorical'}.": "say so: --categorical age.",
    "column 'target_head', heads['n_jobs']": "column 'target_head', heads['n_jobs']",
    # Names from data, and words, are left alone.
    "column 'id=7' and 'key' with identical values": "column 'id=7' and 'key' with "
    "identical values",
    "valid=3 and id_of_x=4 in 'C'": "valid=3 and id_of_x=4 in 'C'",
    "np.savez('x.npz', embeddings=X)": "np.savez('x.npz', embeddings=X)",
}


@pytest.mark.parametrize("message", SAID)
def test_arguments_become_options(message):
    assert as_typed(message, "--head-key").startswith(SAID[message])


def test_options_and_arguments_exist():
    known = {
        name
        for command in wsca.commands.values()
        for typed in command.params
        for name in (*typed.opts, typed.human_readable_name)
    }
    assert {*OPTIONS.values(), *FLAGS.values()} <= known


def run(folder, table, *options):
    rng = np.random.default_rng(0)
    np.save(folder / "X.npy", rng.normal(2, [1, 5, 0.2], size=(len(table), 3)))
    table.to_csv(folder / "y.csv", index=False)
    command = ["audit", folder / "X.npy", folder / "y.csv", "--out", folder / "out"]
    command += ["--permutations", "99", "--no-sensitivity", *options]
    return CliRunner().invoke(wsca, list(map(str, command)))


TABLE = pd.DataFrame(
    {
        "disease": ["ill", "well"] * 30,
        "site": ["north", "south", "west"] * 20,
        "patient": np.repeat(np.arange(2**53 + 1, 2**53 + 31), 2),
    }
)


def test_an_unknown_column_names_the_option_as_typed(tmp_path):
    result = run(tmp_path, TABLE, "--target", "disease", "--columns", "sit")
    assert result.exit_code == 2
    assert "y.csv: --columns: there is no column 'sit'" in result.stderr
    result = run(tmp_path, TABLE, "--target", "diseas")
    assert "y.csv: --target: there is no column 'diseas'" in result.stderr


def test_an_unusable_target_names_the_option(tmp_path):
    table = TABLE.assign(disease=np.r_[np.inf, np.arange(59.0)])
    result = run(tmp_path, table, "--target", "disease")
    assert result.exit_code == 2
    found = "--target disease cannot be the primary task: holds 1 infinite value"
    assert found in result.stderr


def test_doubts_are_said_once_and_columns_are_what_they_are_said_to_be(tmp_path):
    weights = [f"{60 + i % 17}{'.0' if i % 3 else ''}" for i in range(60)]
    table = TABLE.assign(site=["North", "north", "west"] * 20, weight=weights)
    options = ["--target", "disease", "--groups", "patient", "--continuous", "weight"]
    result = run(tmp_path, table, *options)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("'north' beside 'North'") == 1
    assert len(re.findall("column 'patient' is kept as text", result.stderr)) == 1
    assert "or call the column continuous (--continuous weight)." in result.stderr
    summary = pd.read_csv(tmp_path / "out" / "summary.csv", index_col=0)
    assert summary.loc["weight", "kind"] == "continuous"
