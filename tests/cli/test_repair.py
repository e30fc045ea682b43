"""``wsca repair``: from files to a repaired head, repaired embeddings and a proof."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import Head, MetadataEraser, repair_test
from sklearn_wsca.datasets import make_shortcut
from sklearn_wsca.io import load_embeddings, load_head
from tests.command_runs import run, save

QUICK = ("--permutations", "99", "--target", "target")
N = 1200


@pytest.fixture(scope="module")
def study():
    study = make_shortcut(
        N, 12, use=0.6, encoding=2.0, association=0.3, rows_per_group=2, random_state=0
    )
    split = np.where(np.arange(N) // 2 % 2, "train", "test")
    study.metadata["split"] = split
    study.metadata["image"] = [f"image {i}" for i in range(N)]
    study.metadata["constant"] = 1
    return study


@pytest.fixture(scope="module")
def folder(study, tmp_path_factory):
    folder = save(tmp_path_factory.mktemp("repair"), study)
    frame = pd.DataFrame(study.data).add_prefix("unit ")
    frame.insert(0, "image", study.metadata["image"])
    frame.to_csv(folder / "embeddings.csv", index=False)
    rows = (study.metadata["split"] == "test").to_numpy()
    np.save(folder / "new.npy", study.data[rows])
    study.metadata[rows].to_csv(folder / "new.csv", index=False)
    np.save(folder / "old.npy", study.data[~rows])
    study.metadata[~rows].to_csv(folder / "old.csv", index=False)
    np.savez(folder / "other.npz", weight=np.ones((3, 12)), bias=np.zeros(3))
    return folder


def repair(folder, *options, files=("embeddings.npy", "metadata.csv"), **kw):
    paths = [folder / name for name in files]
    out = folder / kw.get("out", "out")
    command = ["repair", *paths, "--head", folder / kw.get("head", "head.npz"), *QUICK]
    columns = [] if "--columns" in options else ["--column", "scanner"]
    everything = [*command, *columns, "--out", out, "--quiet", *options]
    return run(*everything, code=kw.get("code", 0))


def result_of(folder, out="out"):
    return json.loads((folder / out / "result.json").read_text("utf-8"))


def expected(study):
    """What the same in Python gives."""
    held_out = (study.metadata["split"] == "test").to_numpy()
    X, table = study.data, study.metadata
    eraser = MetadataEraser(["scanner"], target="target")
    eraser.fit(X[~held_out], table[~held_out])
    result = repair_test(
        study.head,
        eraser,
        X[held_out],
        table[held_out],
        groups="patient",
        n_permutations=99,
        random_state=0,
    )
    return eraser, result


def test_it_is_what_python_gives(folder, study):
    printed = repair(folder, "--held-out-rows", "split=test", "--groups", "patient")
    eraser, result = expected(study)
    found = result_of(folder)
    (column,) = found["columns"]
    own = result.utilization["scanner"].to_dict()
    for name in ("utilization_a", "utilization_b", "low", "high", "pvalue"):
        assert column[name] == pytest.approx(own[name])
    assert found["n_units"] == result.n_units == N // 4
    assert found["performance"]["auroc"]["change"] == pytest.approx(
        result.performance.loc["auroc", "change"]
    )
    head = Head(*load_head(folder / "out" / "repaired_head.npz", n_features=12))
    np.testing.assert_allclose(head.coef, eraser.repair_head(study.head).coef)
    embeddings = np.load(folder / "out" / "repaired_embeddings.npy")
    np.testing.assert_allclose(embeddings, eraser.transform(study.data))
    np.testing.assert_allclose(
        head.outputs(study.data), Head(*study.head).outputs(embeddings)
    )
    assert found["inputs"]["embeddings"].startswith("embeddings.npy (sha256")
    assert found["inputs"]["head"].startswith("head.npz (sha256")
    page = (folder / "out" / "report.html").read_text("utf-8")
    assert "Is the column used less after the repair" in page
    assert page.count("in the place of the last layer") == 1
    table = pd.read_csv(folder / "out" / "summary.csv")
    assert table["what"].tolist() == ["utilization", "balanced_accuracy", "auroc"]
    assert "'scanner' erased at fixed 'target': 2 of 12 directions" in printed.stdout
    end = printed.stdout[printed.stdout.index("What to do next") :]
    assert "in the place of the last layer" in " ".join(end.split())
    assert end.splitlines()[-1].startswith("Result, for programs: ")
    assert "held out by an option" not in printed.stderr


def test_lines_fit_a_terminal(folder, monkeypatch):
    printed = repair(folder, "--groups", "patient", "--head-only", out="narrow")
    lines = printed.stdout.split("Repaired head: ")[0].splitlines()
    assert max(map(len, lines)) <= 100  # The width that the tests set.
    assert sorted(p.name for p in (folder / "narrow").iterdir()) == [
        "repaired_head.npz",
        "report.html",
        "result.json",
        "summary.csv",
    ]


def test_a_half_of_the_patients_is_held_out_and_said(folder, study):
    printed = repair(folder, "--groups", "patient", out="half")
    words = "fitted on one half of the 600 groups of 'patient' and proved on the other"
    assert words in printed.stderr
    found = result_of(folder, "half")
    assert (found["n_units"], found["analysis"]["n_rows_fitted"]) == (300, N // 2)
    assert any(words in note for note in found["notes"])
    repair(folder, "--groups", "patient", "--seed", "1", out="other")
    other = result_of(folder, "other")
    assert other["columns"][0]["low"] != found["columns"][0]["low"]
    assert "groups: " not in " ".join(found["notes"])


def test_other_files_are_the_proof(folder, study):
    files, held_out = ("old.npy", "old.csv"), (folder / "new.npy", folder / "new.csv")
    repair(
        folder, "--held-out", *held_out, "--groups", "patient", files=files, out="new"
    )
    _, result = expected(study)
    column = result_of(folder, "new")["columns"][0]
    assert column["high"] == pytest.approx(result.utilization["scanner"].high)
    written = np.load(folder / "new" / "repaired_embeddings.npy")
    assert len(written) == N // 2


def test_patients_on_both_sides_are_said(folder):
    held_out = (folder / "new.npy", folder / "new.csv")
    printed = repair(folder, "--held-out", *held_out, "--groups", "patient", out="both")
    assert (
        "300 of the groups of 'patient' are among the rows of the fit" in printed.stderr
    )


def test_quadratic_repairs_have_embeddings_only(folder, study):
    printed = repair(folder, "--method", "quadratic", out="quadratic")
    assert not (folder / "quadratic" / "repaired_head.npz").exists()
    assert "New rows need the level of 'scanner'" in " ".join(printed.stdout.split())
    written = np.load(folder / "quadratic" / "repaired_embeddings.npy")
    assert written.shape == study.data.shape
    change = result_of(folder, "quadratic")["columns"][0]["high"]
    assert change < 0.0
    message = repair(folder, "--method", "quadratic", "--head-only", code=2).stderr
    assert "--head-only: a quadratic repair has no head" in message


@pytest.mark.parametrize("method", ["linear", "quadratic"])
def test_tables_stay_tables(folder, study, method):
    files, out = ("embeddings.csv", "metadata.csv"), f"tables {method}"
    options = ("--id", "image", "--held-out-rows", "split=test", "--method", method)
    repair(folder, *options, files=files, out=out)
    found = load_embeddings(
        folder / out / "repaired_embeddings.csv", id="image", feature_names=True
    )
    assert found.columns[0] == "unit 0" and found.index[3] == "image 3"
    train = (study.metadata["split"] == "train").to_numpy()
    eraser = MetadataEraser(["scanner"], target="target", method=method)
    eraser.fit(study.data[train], study.metadata[train])
    erased = eraser.transform(study.data, metadata=study.metadata)
    np.testing.assert_allclose(found.to_numpy(), erased)


def test_a_verdict_can_end_a_pipeline(folder):
    options = ("--held-out-rows", "split=test", "--head-only")
    repair(folder, *options, "--fail-on", "not-shown", out="fine")
    repair(folder, *options, "--fail-on", "partly-repaired", code=3, out="fail")
    assert (folder / "fail" / "result.json").exists()


@pytest.mark.parametrize(
    ("options", "settings", "message"),
    [
        (["--columns", "site"], {}, "--columns: there is no column 'site'"),
        (["--columns", "scanner", "target"], {}, "--columns: the target 'target' is"),
        (["--columns", "constant"], {}, "'constant': constant"),
        (["--groups", "site"], {}, "--groups: there is no column 'site'"),
        (["--held-out-rows", "split=x"], {}, "--held-out-rows: 'x' is the value of 0"),
        (
            ["--held-out-rows", "split=test", "--held-out", "a", "b"],
            {},
            "--held-out and --held-out-rows exclude each other",
        ),
        (["--categorical", "age", "--continuous", "age"], {}, "a column has one kind"),
        (["--min-effect", "0"], {}, "--min-effect"),
        ([], {"head": "other.npz"}, "--head: the head has 3 rows"),
        ([], {"head": "none.npz"}, "none.npz"),
        (
            ["--columns", "age", "--method", "quadratic"],
            {},
            "--categorical age, or erase it with --method linear",
        ),
    ],
)
def test_bad_input_ends_in_one_line(folder, options, settings, message):
    result = repair(folder, *options, code=2, out="bad", **settings)
    lines = [own for own in result.stderr.splitlines() if "note:" not in own]
    assert len(lines) == 1
    assert message in lines[0]
    assert not (folder / "bad").exists()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["scanner", "--columns", "age"], "erases one column, and there are 2"),
        (["age"], "'age' is continuous"),
    ],
    ids=["two", "continuous"],
)
def test_what_cannot_be_erased_with_covariances_is_one_line(folder, columns, message):
    options = ["--columns", *columns, "--method", "quadratic"]
    (line,) = repair(folder, *options, code=2).stderr.splitlines()
    assert re.search(message, line)
