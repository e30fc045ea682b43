"""Several targets on the command line."""

import json

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._cli._targets import name_folders
from tests.command_runs import FILES, run
from tests.reference import make_study

pytestmark = pytest.mark.usefixtures("no_figures")

QUICK = ["--permutations", "99", "--no-sensitivity", "--columns", "site", "age"]


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Files of a study with two findings, with one head for both and one each."""
    folder = tmp_path_factory.mktemp("films")
    X, table = make_study(3, 200, 6)
    rng = np.random.default_rng(0)
    coef = rng.standard_normal((2, 6)) / X.std(axis=0)
    outputs = X @ coef.T
    centre = outputs.mean(axis=0)
    present = outputs - centre + rng.logistic(size=outputs.shape) > 0
    table = table[["site", "age"]].assign(
        edema=present[:, 0].astype(int), effusion=np.where(present[:, 1], "yes", "no")
    )
    np.save(folder / "X.npy", X)
    table.to_csv(folder / "T.csv", index=False)
    names = np.array(["edema", "effusion"])
    np.savez(folder / "both.npz", weight=coef, bias=-centre, classes=names)
    layers = {
        f"{name}.{part}": a
        for name, w, b in zip(names, coef, -centre, strict=True)
        for part, a in (("weight", w[None]), ("bias", b[None]))
    }
    np.savez(folder / "layers.npz", **layers)
    return folder


def audit(folder, *options, out, code=0):
    files = [folder / "X.npy", folder / "T.csv"]
    targets = ["--target", "edema", "--target", "effusion"]
    return run(
        "audit", *targets, *options, "--out", folder / out, *files, *QUICK, code=code
    )


def test_each_target_has_a_folder_and_all_have_a_table(films):
    printed = audit(films, "--head", films / "both.npz", out="both").stdout
    assert "Target 'edema'" in printed and "is right on 'effusion'" in printed
    found = sorted(
        str(p.relative_to(films / "both")) for p in (films / "both").rglob("*.*")
    )
    own = [f"{target}/{name}" for target in ("edema", "effusion") for name in FILES]
    assert found == [*own, "summary.csv"]
    table = pd.read_csv(films / "both" / "summary.csv", index_col=["target", "column"])
    assert table.index.tolist() == [
        (target, column)
        for target in ("edema", "effusion")
        for column in ("site", "age")
    ]
    for target in ("edema", "effusion"):
        result = json.loads(
            (films / "both" / target / "result.json").read_text("utf-8")
        )
        for column in result["columns"]:
            row = table.loc[target, column["name"]]
            assert row["utilization_qvalue"] == pytest.approx(
                column["utilization"]["qvalue"]
            )
        assert any("all 2 targets" in note for note in result["notes"])
        assert len(result["inputs"]) == 3


@pytest.mark.parametrize(
    "options",
    [
        ["--head", "both.npz", "--output", "edema", "--output", "effusion"],
        [
            "--head",
            "layers.npz",
            "--head-key",
            "edema.weight",
            "--head-key",
            "effusion.weight",
        ],
        ["--head", "layers.npz", "--head", "layers.npz"]
        + ["--head-key", "edema.weight", "--head-key", "effusion.weight"],
    ],
)
def test_heads_and_outputs_may_be_named_for_each(films, options):
    audit(films, "--head", films / "both.npz", out="both")
    words = [films / word if word.endswith("npz") else word for word in options]
    audit(films, *words, out="own")
    tables = [pd.read_csv(films / out / "summary.csv") for out in ("both", "own")]
    np.testing.assert_allclose(*(table["utilization"] for table in tables))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "edema"], "--target: a name occurs twice"),
        (
            ["--head", "both.npz", "--output", "edema"],
            "--output is given 1 times, and --target 2",
        ),
        (
            ["--head", "both.npz", "--head", "both.npz", "--head", "both.npz"],
            "--head is given 3 times, and --target 2 times; give --head once, or once",
        ),
        (
            ["--head", "both.npz", "--head", "layers.npz", "--classes", "no", "yes"],
            "--classes names the rows of one head, and there are several",
        ),
    ],
)
def test_what_is_not_given_for_each_target_is_named(films, options, message):
    words = [films / word if word.endswith("npz") else word for word in options]
    assert message in audit(films, *words, out="none", code=2).stderr
    assert not (films / "none").exists()


def test_fail_on_looks_at_every_target(films):
    audit(
        films,
        "--head",
        films / "both.npz",
        "--fail-on",
        "inconclusive",
        out="fails",
        code=3,
    )


def test_folders_have_names_that_a_system_takes():
    found = name_folders(["edema", "Edema", "a/b", "..", "größe", "x" * 300])
    assert list(found.values())[:5] == ["edema", "Edema_2", "a_b", "target_4", "größe"]
    assert len(found["x" * 300]) == 100
