"""``wsca audit`` where files do not belong together, from export to answer."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca.datasets import make_shortcut
from tests.command_runs import QUICK, audit, result_of, run, save

pytestmark = pytest.mark.usefixtures("no_figures")

NAMES = ["malignant", "benign"]  # The order in which this network has its outputs.


@pytest.fixture(scope="module")
def study():
    return make_shortcut(300, 16, encoding=1.0, use=0.3, random_state=0)


@pytest.fixture(scope="module")
def words(study, tmp_path_factory):
    """Files whose target holds words, in another order than the alphabet's."""
    folder = tmp_path_factory.mktemp("words")
    labels = np.where(study.metadata["target"] == "class 0", *NAMES)
    save(
        folder,
        type(study)(**(study | {"metadata": study.metadata.assign(target=labels)})),
    )
    coef, intercept = study.head
    if len(coef) == 1:
        coef = np.vstack([np.zeros_like(coef), coef])
        intercept = np.append(0.0, intercept)
    head = {"weight": coef, "bias": intercept}
    np.savez(folder / "head.npz", **head)
    np.savez(folder / "named.npz", **head, classes=tuple(NAMES))
    return folder


def judge(folder, head, *options, code=0, out="out"):
    command = ["audit", folder / "embeddings.npy", folder / "metadata.csv", *QUICK]
    command += ["--target", "target", "--head", folder / head, "--out", folder / out]
    return run(*command, "--columns", "scanner", *options, code=code)


def test_an_export_without_classes_cannot_be_swapped_in_silence(words):
    refused = judge(words, "head.npz", code=2)
    assert refused.stdout == "" and refused.stderr.count("\n") == 1
    assert refused.stderr.startswith(f"wsca: {words / 'head.npz'}: --head: the head")
    assert "classes in the order 'malignant', 'benign' it would be 0." in refused.stderr
    assert "--classes" in refused.stderr and "--no-check-head" in refused.stderr


@pytest.mark.parametrize(
    ("head", "options"),
    [("named.npz", ()), ("head.npz", ("--classes", *NAMES))],
)
def test_an_export_with_classes_is_read_as_meant(words, head, options):
    printed = judge(words, head, *options, out="named")
    result = result_of(words, "named")
    found = result["analysis"]["head_performance"]
    first = printed.stdout.split("\n\n")[0]
    assert " ".join(first.split()) == (
        f"The network is right on 'target' in {found['balanced_accuracy']:.0%} of "
        "cases (every class counted alike; by chance 50%), judged on 300 rows."
    )
    assert found["finding"] == "better than chance"
    page = (words / "named" / "report.html").read_text("utf-8")
    shown = f"is right on &#39;target&#39; in {found['balanced_accuracy']:.0%} of cases"
    assert f'<p class="performance" role="note">The network {shown}' in page
    assert not any("names no classes" in note for note in result["notes"])


def test_going_on_all_the_same(words):
    printed = judge(words, "head.npz", "--no-check-head", out="anyway")
    text = " ".join(printed.stdout.split())
    assert text.startswith(
        "Warning: the network predicts 'target' worse than chance on the"
    )
    result = result_of(words, "anyway")
    assert result["analysis"]["head_performance"]["finding"] == "worse than chance"
    assert any("names no classes: its rows are" in note for note in result["notes"])
    page = (words / "anyway" / "report.html").read_text("utf-8")
    assert '<p class="notice" role="note">Warning: the network predicts' in page


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (("malignent", "benign"), r"'malignent', 'benign' .*mean 'malignent'\?"),
        (("cat", "dog"), "'cat', 'dog' are named, .* levels 'benign', 'malignant'"),
        (("benign",), "1 names, but the head has 2 rows"),
    ],
)
def test_names_that_are_no_classes(words, classes, said):
    refused = judge(words, "head.npz", "--classes", *classes, code=2)
    assert refused.stderr.startswith("wsca: --classes: ")
    assert pd.Series([refused.stderr]).str.contains(said).all()


def test_other_names_all_the_same(words):
    options = ("--classes", "cat", "dog", "--no-check-head")
    printed = judge(words, "head.npz", *options, out="cats")
    assert result_of(words, "cats")["analysis"]["head_performance"] is None
    assert "predicts" not in printed.stdout


def test_shuffled_metadata_are_warned_of(words, tmp_path):
    for name in ("embeddings.npy", "named.npz"):
        (tmp_path / name).write_bytes((words / name).read_bytes())
    table = pd.read_csv(words / "metadata.csv").sample(frac=1.0, random_state=1)
    table.to_csv(tmp_path / "metadata.csv", index=False)
    printed = " ".join(judge(tmp_path, "named.npz").stdout.split())
    assert printed.startswith(
        "Warning: the network is not shown to predict 'target' better"
    )
    assert "in the same order" in printed.split("?")[0]


def test_held_out_rows_in_another_order(words, tmp_path):
    for name in ("embeddings.npy", "named.npz", "metadata.csv"):
        (tmp_path / name).write_bytes((words / name).read_bytes())
    table = pd.read_csv(words / "metadata.csv")
    order = np.argsort(table["target"], kind="stable")
    np.save(tmp_path / "new.npy", np.load(words / "embeddings.npy")[order])
    table.iloc[order[::-1]].to_csv(tmp_path / "new.csv", index=False)
    new = ("--held-out", tmp_path / "new.npy", tmp_path / "new.csv")
    refused = judge(tmp_path, "named.npz", *new, code=2)
    assert "worse than chance" in refused.stderr and "--id" in refused.stderr
    judge(tmp_path, "named.npz", *new, "--no-check-head", out="anyway")
    analysis = result_of(tmp_path, "anyway")["analysis"]
    assert analysis["head_performance"]["finding"] == "worse than chance"


def test_a_fitted_head_is_told_too(words):
    folder = words
    printed = audit(folder, "--columns", "scanner", head=False, out="fitted")
    assert printed.stdout.startswith(
        "The linear model fitted here is right on 'target' in"
    )
