"""One output of a multi-label or multi-task head."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import Head, WeightSpaceCorrelation, utilization_test
from sklearn_wsca._heads.output import choose_output
from tests.columns import column_of

FINDINGS = ("Cardiomegaly", "Effusion", "Edema")
N, D = 600, 8


def head_of(classes=FINDINGS, seed=0):
    rng = np.random.default_rng(seed)
    coef = rng.standard_normal((3, D)) * np.array([[1.0], [50.0], [0.02]])
    return Head(coef, np.array([5.0, -200.0, 0.1]), classes, "logistic")


def target_of(levels):
    labels = np.array(levels, dtype=object)[np.arange(30) % len(levels)]
    return column_of(labels, "finding")


# --- which row, and of what ----------------------------------------------------------


@pytest.mark.parametrize("output", ["Effusion", 1, "1"])
@pytest.mark.parametrize("levels", [("absent", "present"), (0, 1), (False, True)])
def test_an_output_is_the_score_of_the_second_level(output, levels):
    head, target = head_of(), target_of(levels)
    found = choose_output(head, output, target)
    np.testing.assert_array_equal(found.coef, head.coef[[1]])
    np.testing.assert_array_equal(found.intercept, head.intercept[[1]])
    assert found.classes == target.levels
    assert found.kind == "logistic"


@pytest.mark.parametrize("n_rows", [2, 3])
def test_numbers_of_rows_are_no_names_of_levels(n_rows):
    """Output 0 of a head without names is not the score of the level 0."""
    head = Head(np.eye(n_rows, D), np.zeros(n_rows), None, "logistic")
    found = choose_output(head, 0, target_of((0, 1)))
    assert found.classes == (0, 1)


def test_the_name_of_a_level_is_the_level_that_it_is_the_score_of():
    head = Head(np.eye(2, D), np.zeros(2), ("ill", "other"), "logistic")
    found = choose_output(head, "ill", target_of(("ill", "well")))
    assert found.classes == ("well", "ill")


def test_a_class_of_the_target_is_judged_as_a_softmax_tells_it():
    """Less the mean over classes, which changes no prediction."""
    head, target = head_of(("a", "b", "c")), target_of(("a", "b", "c"))
    found = choose_output(head, "b", target)
    X = np.random.default_rng(1).standard_normal((5, D)) + 3.0
    outputs = head.outputs(X)
    expected = outputs[:, [1]] - outputs.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found.outputs(X), expected)
    assert found.kind == "ridge"


def test_of_a_number_it_is_a_value():
    target = column_of(np.random.default_rng(0).gamma(2.0, size=50), "age")
    found = choose_output(head_of(), "Edema", target)
    assert (found.kind, found.classes, found.n_rows) == ("ridge", None, 1)


@pytest.mark.parametrize(
    ("classes", "output", "message"),
    [
        (FINDINGS, "Efusion", "did you mean 'Effusion'.*'Cardiomegaly', 'Effusion'"),
        (FINDINGS, 3, "target_output: 3 is no output"),
        (None, "Effusion", "no names, only numbers from 0 to 2"),
        (None, "-1", "target_output: '-1' is no output"),
    ],
)
def test_unknown_outputs_are_refused_with_those_there_are(classes, output, message):
    with pytest.raises(ValueError, match=message):
        choose_output(head_of(classes), output, target_of((0, 1)))


# --- in an analysis ------------------------------------------------------------------


@pytest.fixture(scope="module")
def study():
    """Cardiomegaly ignores the scanner, Effusion uses it."""
    rng = np.random.default_rng(0)
    y, s = rng.integers(0, 2, N), rng.integers(0, 3, N)
    X = rng.standard_normal((N, D))
    X[:, 0] += 2.0 * y
    X[:, 1] += 1.5 * (s == 1)
    coef = np.zeros((3, D))
    coef[[0, 1, 2], [0, 1, 5]] = 2.0, 3.0, 0.2
    scanner = np.array(list("abc"))[s]
    return X, pd.DataFrame({"Cardiomegaly": y, "scanner": scanner}), coef


def fit(study, head, output=None, **settings):
    analysis = WeightSpaceCorrelation(
        "Cardiomegaly",
        target_head=head,
        target_output=output,
        n_permutations=99,
        random_state=0,
        **settings,
    )
    return analysis.fit(*study[:2])


@pytest.mark.parametrize("classes", [None, FINDINGS])
def test_an_output_is_judged_as_if_it_were_the_whole_head(study, classes):
    X, table, coef = study
    head = Head(coef, np.zeros(3), classes, "logistic")
    found = fit(study, head, 0 if classes is None else "Cardiomegaly", held_out=True)
    alone = fit(study, (coef[:1], np.zeros(1)), held_out=True)
    notes = found.summary_["note"], alone.summary_["note"]
    pd.testing.assert_frame_equal(found.summary_, alone.summary_)
    assert notes[0].tolist() == notes[1].tolist()
    assert found.verdicts_["scanner"] == "not used"
    assert found.head_performance_ == alone.head_performance_
    by_hand = utilization_test(
        X @ coef[0],
        table["scanner"],
        target=table["Cardiomegaly"],
        n_permutations=0,
    )
    assert found.utilization_["scanner"] == pytest.approx(by_hand.utilization, abs=0.02)


def test_another_output_is_another_answer(study):
    """It does not rank the target, which is said, and uses the scanner."""
    found = fit(study, study[2], 1)
    assert found.verdicts_["scanner"] == "used"
    assert any("not better than chance" in note for note in found.notes_)


@pytest.mark.parametrize("classes", [None, FINDINGS])
def test_several_findings_are_never_softmaxed(study, classes):
    head = Head(study[2], np.zeros(3), classes, "logistic")
    with pytest.raises(
        ValueError, match=r"say which one stands for .* by target_output: "
    ):
        fit(study, head)


def test_an_output_needs_a_head(study):
    with pytest.raises(ValueError, match="pass the head in target_head"):
        fit(study, None, 1)
