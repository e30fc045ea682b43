"""repair_test: a repair on rows that it was not fitted on."""

import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import Head, MetadataEraser, compare_utilization, repair_test
from sklearn_wsca.datasets import load_heart_hospitals, make_shortcut

SEEDS = [0, 1, 2]


def study_of(seed=0, n=4000, **settings):
    settings = {"encoding": 2.0, "association": 0.3, "use": 0.5} | settings
    study = make_shortcut(n, 16, random_state=seed, **settings)
    odd = np.arange(n) % 2 == 1
    if settings.get("rows_per_group"):
        odd = (np.arange(n) // settings["rows_per_group"]) % 2 == 1
    return study, odd


def repair(study, odd, *, method="linear", columns=("scanner",), **settings):
    X, table = study.data, study.metadata
    eraser = MetadataEraser(list(columns), target="target", method=method)
    eraser.fit(X[odd], table[odd])
    settings = {"n_permutations": 99, "random_state": 0} | settings
    return eraser, repair_test(study.head, eraser, X[~odd], table[~odd], **settings)


@pytest.mark.parametrize("method", ["linear", "quadratic"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_use_is_repaired(seed, method):
    study, odd = study_of(seed, n=6000)
    _, result = repair(study, odd, method=method)
    found = result.utilization["scanner"]
    truth = study.true_utilization["scanner"]
    assert found.low_a < truth < found.high_a
    assert found.high < -0.2
    assert result.verdicts == {"scanner": "repaired"}


@pytest.mark.parametrize("method", ["linear", "quadratic"])
def test_rows_of_the_fit_are_no_proof(method):
    study, odd = study_of(n=1000)
    X, table = study.data, study.metadata
    eraser = MetadataEraser(["scanner"], target="target", method=method)
    eraser.fit(X[odd], table[odd])
    settings = {"n_permutations": 99, "random_state": 0}
    for rows, n in ((odd, 500), (np.arange(1000) < 800, 400)):
        words = f"X: {n} of {rows.sum()} rows have embeddings that the eraser was"
        with pytest.warns(UserWarning, match=words):
            result = repair_test(study.head, eraser, X[rows], table[rows], **settings)
        assert words in result.notes[-1]
    X[:10:2] = X[1:10:2]  # Pictures that are there twice are no reason to doubt.
    assert repair(study, odd, method=method)[1].notes == result.notes[:-1]


@pytest.mark.parametrize("method", ["linear", "quadratic"])
def test_labels_of_rows_change_nothing(method):
    study, odd = study_of(n=1000)
    _, expected = repair(study, odd, method=method)
    labels = [f"image {i}" for i in range(1000)]
    study.data = pd.DataFrame(study.data, labels)
    study.metadata = study.metadata.set_axis(labels)
    _, found = repair(study, odd, method=method)
    assert found.to_text() == expected.to_text()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_not_used_gets_no_worse(seed):
    study, odd = study_of(seed, use=0.0)
    eraser, result = repair(study, odd)
    assert eraser.notes_ == []
    found = result.utilization["scanner"]
    assert found.verdict == "same"
    assert found.utilization_b < 0.08
    assert (result.performance["change"] > -0.01).all()


def test_noise_that_is_erased_has_its_price():
    """Age is not in the embeddings: a random direction goes, and the note says so."""
    study, odd = study_of(0, use=0.0)
    eraser, result = repair(study, odd, columns=["age"])
    (note,) = eraser.notes_
    assert note.startswith("column 'age': the embeddings do not show it beyond chance")
    assert (result.performance["change_high"] < 0.0).all()


def test_numbers_are_those_of_the_comparison():
    study, odd = study_of(n=1000, rows_per_group=2)
    eraser, result = repair(study, odd, groups="patient")
    X, table = study.data[~odd], study.metadata[~odd]
    head, repaired = Head(*study.head), eraser.repair_head(study.head)
    expected = compare_utilization(
        head.outputs(X),
        repaired.outputs(X),
        table["scanner"],
        target=table["target"],
        groups=table["patient"],
    )
    found = result.utilization["scanner"]
    for name in ("utilization_a", "utilization_b", "low", "high", "n_units"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name))
    assert (result.n_rows, result.n_units) == (500, 250)
    assert "names no classes" in result.notes[0]
    rows, _ = result.performance.shape
    assert rows == 2


def test_a_number_that_is_predicted():
    rng = np.random.default_rng(0)
    n = 2000
    site, target = rng.integers(0, 2, n), 50.0 + 8.0 * rng.standard_normal(n)
    X = rng.standard_normal((n, 6)) + 4.0
    X[:, 0] += 0.1 * target
    X[:, 1] += 1.5 * site
    table = pd.DataFrame({"site": np.array(["A", "B"])[site], "volume": target})
    head = Head(np.array([[8.0, 3.0, 0, 0, 0, 0]]), np.array([-2.0]), None, "ridge")
    odd = np.arange(n) % 2 == 1
    eraser = MetadataEraser(["site"], target="volume").fit(X[odd], table[odd])
    result = repair_test(head, eraser, X[~odd], table[~odd], random_state=0)
    assert result.performance.index.tolist() == ["r2"]
    assert result.utilization["site"].high < 0.0


def test_real_patients():
    heart = load_heart_hospitals()
    odd = heart.metadata.index % 2 == 1
    eraser = MetadataEraser(["age"], target="disease")
    eraser.fit(heart.data[odd], heart.metadata[odd])
    result = repair_test(
        heart.head, eraser, heart.data[~odd], heart.metadata[~odd], random_state=0
    )
    assert result.verdicts == {"age": "partly repaired"}
    row = result.performance.loc["auroc"]
    assert row["after_low"] < row["after"] < row["before"] < 0.95


STUDY, ODD = study_of(n=300)
OTHERS, _ = study_of(1, n=300)
ERASER = MetadataEraser(["scanner"], target="target")
ERASER.fit(OTHERS.data, OTHERS.metadata)


def without_target():
    return MetadataEraser(["scanner"]).fit(STUDY.data, STUDY.metadata[["scanner"]])


BAD = {
    "no eraser": ({"eraser": "scanner"}, "eraser: 'scanner' is no MetadataEraser"),
    "no target": (
        {"eraser": without_target()},
        r"eraser: it holds no target fixed.*\['scanner'\], target=",
    ),
    "no column": ({"y": STUDY.metadata[["target"]]}, "y: there is no column 'scanner'"),
    "no group": ({"groups": "patient"}, "groups: there is no column 'patient'"),
    "other length": ({"y": STUDY.metadata[:200]}, "inconsistent numbers of samples"),
    "other width": ({"X": STUDY.data[:, :5]}, "5 features"),
    "other head": ({"target_head": np.ones((1, 5))}, "target_head: .*5"),
    "other classes": (
        {"target_head": Head(np.ones((2, 16)), np.zeros(2), ["well", "ill"])},
        "target_head: the head has the 2 classes",
    ),
    "turned head": (
        {"target_head": Head(-STUDY.head[0], -STUDY.head[1])},
        "significantly worse than chance",
    ),
    "constant target": (
        {"y": STUDY.metadata.assign(target="class 0")},
        "target: 'target' cannot be used on these rows: constant",
    ),
    "constant column": ({"y": STUDY.metadata.assign(scanner="A")}, "'scanner'"),
    "significance": ({"significance": 0.7}, "significance"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_input_gives_one_clear_error(arguments, message):
    arguments = {
        "target_head": STUDY.head,
        "eraser": ERASER,
        "X": STUDY.data,
        "y": STUDY.metadata,
        "n_permutations": 19,
    } | arguments
    with pytest.raises(ValueError, match=message):
        repair_test(**arguments)


def test_a_head_that_knows_nothing_is_said():
    head = Head(np.random.default_rng(3).normal(size=(1, 16)), np.zeros(1))
    arguments = (ERASER, STUDY.data, STUDY.metadata.assign(target=shuffled()))
    with pytest.warns(UserWarning, match="not better than chance"):
        repair_test(head, *arguments, n_permutations=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        repair_test(head, *arguments, n_permutations=0, check_head=False)


def shuffled():
    return np.random.default_rng(1).permutation(STUDY.target)


def test_levels_that_the_eraser_has_not_seen_are_noted():
    study, odd = study_of(n=1500)
    table = study.metadata.copy()
    last = (table["scanner"] == table["scanner"].max()).to_numpy()
    fitted, held_out = odd & ~last, ~odd
    eraser = MetadataEraser(["scanner"], target="target")
    eraser.fit(study.data[fitted], table[fitted])
    message = (
        rf"^column 'scanner': {(last & held_out).sum()} of {held_out.sum()} rows have "
        rf"levels .* \({table['scanner'].max()!r}\)"
    )
    with pytest.warns(UserWarning, match=message):
        result = repair_test(
            study.head,
            eraser,
            study.data[held_out],
            table[held_out],
            n_permutations=99,
            random_state=0,
        )
    assert any("not fitted on" in note for note in result.notes)
    known = held_out & ~last
    result = repair_test(
        study.head,
        eraser,
        study.data[known],
        table[known],
        n_permutations=99,
        random_state=0,
    )
    assert not any("not fitted on" in note for note in result.notes)
