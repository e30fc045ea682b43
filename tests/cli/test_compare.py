"""``wsca compare``: from the files of two networks to a table and a result."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.command_runs import run
from tests.comparison.studies import draw
from tests.schemas import check_schema

QUICK = ("--target", "disease", "--permutations", "99")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network, the same one after a repair, and their last layers."""
    folder = tmp_path_factory.mktemp("networks")
    study = draw(use_a=0.4, use_b=0.1, n=400)
    table = study.table.assign(
        image=[f"image {i}" for i in range(400)], constant=1, split="test"
    )
    table.to_csv(folder / "table.csv", index=False)
    a, b = (np.stack([-own, own], axis=1) for own in (study.a, study.b))
    np.save(folder / "a.npy", a)
    np.save(folder / "b.npy", b)
    named = pd.DataFrame(b, columns=["no", "yes"]).assign(image=table["image"])
    named.iloc[::-1].to_csv(folder / "b.csv", index=False)
    named = pd.DataFrame(a, columns=["no", "yes"]).assign(image=table["image"])
    named.to_csv(folder / "a.csv", index=False)
    named.iloc[:390].to_csv(folder / "fewer.csv", index=False)
    named.rename(columns={"yes": "maybe"}).to_csv(folder / "other.csv", index=False)
    np.save(folder / "a_score.npy", study.a)
    np.save(folder / "b_score.npy", study.b)
    np.savez(folder / "b_score.npz", score=study.b)
    wide = np.random.default_rng(0).standard_normal((400, 64))
    np.save(folder / "wide.npy", wide)
    # Both networks read one embedding, by different rows of the head.
    np.save(folder / "embedding.npy", np.hstack([a, b]))
    np.savez(folder / "head_3.npz", weight=np.eye(3, 4), bias=np.zeros(3))
    for name, own in (("a", 0), ("b", 2)):
        coef = np.zeros((2, 4))
        coef[[0, 1], [own, own + 1]] = 1.0
        np.savez(folder / f"head_{name}.npz", weight=coef, bias=np.zeros(2))
        for classes in (("no", "yes"), ("yes", "no"), ("no", "maybe")):
            order = [0, 1] if classes[0] == "no" else [1, 0]
            np.savez(
                folder / f"{name}_{classes[0]}_{classes[1]}.npz",
                weight=coef[order],
                bias=np.zeros(2),
                classes=classes,
            )
    return folder


def compare(folder, *options, a="a.npy", b="b.npy", code=0, out="out"):
    files = (folder / a, folder / b, folder / "table.csv")
    return run("compare", *files, *QUICK, "--out", folder / out, *options, code=code)


def result_of(folder, out="out"):
    return json.loads((folder / out / "result.json").read_text("utf-8"))


def numbers(folder, out="out"):
    return [
        {key: own[key] for key in ("difference", "low", "high", "pvalue")}
        for own in result_of(folder, out)["columns"]
    ]


@pytest.fixture(scope="module")
def printed(folder):
    return compare(folder, "--columns", "scanner", "age").stdout


def test_the_answers(folder, printed):
    assert "scanner: less used: with 'scanner' the outputs of the second" in printed
    assert "at fixed 'disease'" in printed
    found = result_of(folder)
    assert [own["name"] for own in found["columns"]] == ["scanner", "age"]
    scanner = found["columns"][0]
    assert scanner["verdict"] == "less used"
    assert scanner["low"] < -0.3 < scanner["high"] < 0.0
    assert scanner["pvalue"] == 0.01
    assert found["analysis"]["target"] == "disease"
    assert found["analysis"]["n_rows"] == 400
    check_schema(found, "comparison.schema.json")
    assert found["verdict_counts"] == {
        "less used": 1,
        found["columns"][1]["verdict"]: 1,
    }
    assert scanner["answer"].startswith("less used: with 'scanner'")
    assert found["inputs"]["first outputs"].startswith("a.npy (sha256")
    assert found["inputs"]["second outputs"].startswith("b.npy (sha256")
    table = pd.read_csv(folder / "out" / "summary.csv", index_col=0)
    assert table.loc["scanner", "difference"] == pytest.approx(scanner["difference"])
    assert sorted(p.name for p in (folder / "out").iterdir()) == [
        "report.html",
        "result.json",
        "summary.csv",
    ]


def test_all_columns_that_can_be_compared_are_by_default(folder):
    result = compare(folder, out="all")
    found = result_of(folder, "all")
    assert [own["name"] for own in found["columns"]] == ["scanner", "age"]
    left_out = found["untestable"]
    assert sorted(left_out) == ["constant", "image", "patient", "split"]
    # The reason alone, without the name of the column.
    assert "note: column 'constant' is left out: constant" in result.stderr


def test_rows_are_matched_by_their_ids(folder, printed):
    options = ("--columns", "scanner", "age", "--id", "image")
    compare(folder, *options, a="a.csv", b="b.csv", out="ids")
    expected = numbers(folder)
    for own, other in zip(numbers(folder, "ids"), expected, strict=True):
        assert own == pytest.approx(other, rel=1e-6)


def test_ids_of_one_network_are_refused_or_dropped(folder):
    options = ("--columns", "scanner", "--id", "image")
    message = compare(folder, *options, a="a.csv", b="fewer.csv", code=2).stderr
    assert "10 of the 400 ids" in message
    assert "--unmatched drop" in message
    options = (*options, "--unmatched", "drop")
    compare(folder, *options, a="a.csv", b="fewer.csv", out="dropped")
    assert result_of(folder, "dropped")["analysis"]["n_rows"] == 390


def test_heads_make_outputs_of_embeddings(folder, printed):
    heads = ("--head", folder / "head_a.npz", "--head", folder / "head_b.npz")
    options = ("--columns", "scanner", "age", *heads)
    compare(folder, *options, a="embedding.npy", b="embedding.npy", out="heads")
    assert numbers(folder, "heads") == numbers(folder)
    options = ("--columns", "scanner", *heads[:2])
    compare(folder, *options, a="embedding.npy", b="embedding.npy", out="one")
    (found,) = numbers(folder, "one")
    assert found["difference"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("second", ["b_no_yes.npz", "b_yes_no.npz"])
def test_classes_of_heads_are_matched_by_their_names(folder, printed, second):
    heads = ("--head", folder / "a_no_yes.npz", "--head", folder / second)
    options = ("--columns", "scanner", "age", *heads)
    compare(folder, *options, a="embedding.npy", b="embedding.npy", out="named")
    for own, other in zip(numbers(folder, "named"), numbers(folder), strict=True):
        assert own == pytest.approx(other)


def test_heads_of_other_classes_are_refused(folder):
    heads = ("--head", folder / "a_no_yes.npz", "--head", folder / "b_no_maybe.npz")
    files = {"a": "embedding.npy", "b": "embedding.npy"}
    message = compare(folder, *heads, **files, code=2, out="bad").stderr
    assert "OUTPUTS_B has columns that OUTPUTS_A has not: 'maybe'" in message
    assert len(message.strip().splitlines()) == 1


@pytest.mark.parametrize("b", ["b_score.npy", "b_score.npz"])
def test_a_score_may_be_an_array_of_one_dimension(folder, b):
    two = compare(folder, "--columns", "scanner", "age", out="pairs")
    one = compare(
        folder, "--columns", "scanner", "age", a="a_score.npy", b=b, out="scores"
    )
    assert numbers(folder, "scores")[0] == pytest.approx(numbers(folder, "pairs")[0])
    assert one.stderr == two.stderr
    # What enters a last layer has two dimensions.
    head = ("--head", folder / "head_a.npz")
    done = compare(folder, *head, a="a_score.npy", b=b, code=2, out="bad")
    assert "a_score.npy: holds an array of shape (400,)" in done.stderr


def test_rows_in_another_order_are_noted(folder):
    study = draw(use_a=0.4, use_b=0.1, n=400)
    mixed = np.random.default_rng(0).permutation(study.a)
    np.save(folder / "mixed.npy", np.stack([-mixed, mixed], axis=1))
    done = compare(folder, "--columns", "scanner", b="mixed.npy", out="mixed")
    assert "note: OUTPUTS_B: the network predicts the target with balanced" in (
        done.stderr
    )
    assert "match them by an id: --id)" in done.stderr
    (note,) = result_of(folder, "mixed")["notes"]
    assert "not better than chance" in note
    page = (folder / "mixed" / "report.html").read_text("utf-8")
    assert "not better than chance" in page


def test_a_forgotten_head_is_noticed(folder):
    done = compare(folder, "--columns", "scanner", b="b.npy", a="b.npy", out="alike")
    assert "embeddings" not in done.stderr
    done = compare(
        folder, "--columns", "scanner", a="wide.npy", b="wide.npy", out="wide"
    )
    for name in ("OUTPUTS_A", "OUTPUTS_B"):
        assert f"note: {name}: there are 64 outputs of each sample" in done.stderr
    assert "if these are embeddings" in done.stderr and "--head" in done.stderr
    assert any("64 outputs" in note for note in result_of(folder, "wide")["notes"])


def test_a_verdict_can_end_a_pipeline(folder):
    compare(folder, "--columns", "scanner", "--fail-on", "more-used")
    compare(folder, "--columns", "scanner", "--fail-on", "less-used", code=3)
    options = ("--columns", "scanner", "--fail-on", "more-used")
    compare(folder, *options, a="b.npy", b="a.npy", code=3)


@pytest.mark.parametrize(
    ("options", "files", "message"),
    [
        (["--columns", "site"], {}, "--columns: there is no column 'site'"),
        (["--confounders", "site"], {}, "--confounders: there is no column 'site'"),
        (["--groups", "site"], {}, "--groups: there is no column 'site'"),
        (["--columns", "constant"], {}, "'constant'"),
        (
            ["--columns", "disease", "scanner"],
            {},
            "table.csv: --columns: the target 'disease' is among them",
        ),
        (
            ["--groups", "patient", "--columns", "patient"],
            {},
            "--columns: 'patient' is among them; it names the groups",
        ),
        (["--confounders", "disease"], {}, "the target 'disease' is among them"),
        (["--groups", "disease"], {}, "--groups: 'disease' is target too"),
        (["--significance", "0.5"], {}, "--significance"),
        (["--head", "x", "--head", "x", "--head", "x"], {}, "--head is given 3 times"),
        (
            ["--id", "image", "--columns", "scanner"],
            {"a": "a.csv", "b": "other.csv"},
            "OUTPUTS_B has columns that OUTPUTS_A has not",
        ),
        ([], {"b": "embedding.npy"}, "OUTPUTS_B has 4 columns and OUTPUTS_A has 2"),
        ([], {"b": "embedding.npy"}, "/embedding.npy and {folder}/a.npy: OUTPUTS_B"),
        (
            ["--head", "{folder}/head_a.npz", "--head", "{folder}/head_3.npz"],
            {"a": "embedding.npy", "b": "embedding.npy"},
            "/embedding.npy, {folder}/head_3.npz and {folder}/embedding.npy, "
            "{folder}/head_a.npz: OUTPUTS_B has 3 columns and OUTPUTS_A has 2",
        ),
        (
            ["--head", "{folder}/head_a.npz", "--head", "{folder}/head_b.npz"],
            {"b": "wide.npy"},
            "{folder}/head_a.npz: ",
        ),
        ([], {"b": "none.npy"}, "none.npy"),
        # Names of rows that nobody was told of.
        ([], {"a": "a.csv", "b": "b.csv"}, "--id"),
    ],
)
def test_bad_input_ends_in_one_line(folder, options, files, message):
    options = [option.format(folder=folder) for option in options]
    result = compare(folder, *options, **files, code=2, out="bad")
    assert message.format(folder=folder) in result.stderr
    assert "table.csv: OUTPUTS" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (folder / "bad").exists()


def test_a_folder_of_an_audit_is_not_replaced(folder):
    (folder / "audit").mkdir()
    (folder / "audit" / "report.html").write_text("mine")
    message = compare(folder, "--columns", "scanner", code=2, out="audit").stderr
    assert "report.html" in message
