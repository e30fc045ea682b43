"""The comparison of two networks as users call it."""

import inspect

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import UtilizationComparison, compare_utilization, utilization_test
from tests.comparison.studies import draw

NUMBERS = ("utilization_a", "utilization_b", "difference", "low", "high", "pvalue")


def compare(study, **options):
    table = study.table
    options = {
        "column": table["scanner"],
        "target": table["disease"],
        "n_permutations": 99,
        "random_state": 0,
        **options,
    }
    return compare_utilization(study.a, study.b, **options)


def numbers(result):
    return [getattr(result, name) for name in NUMBERS]


def test_a_repaired_network_uses_the_scanner_less():
    study = draw(use_a=0.4, use_b=0.1, n=400)
    found = compare(study)
    assert isinstance(found, UtilizationComparison)
    assert found.verdict == "less used"
    assert found.low < -0.3 < found.high < 0.0
    assert found.pvalue == found.qvalue == 0.01
    turned = compare_utilization(
        study.b,
        study.a,
        study.table["scanner"],
        target=study.table["disease"],
        n_permutations=99,
        random_state=0,
    )
    assert turned.verdict == "more used"
    assert turned.difference == pytest.approx(-found.difference)
    assert turned.low == pytest.approx(-found.high)
    assert turned.pvalue == found.pvalue


def test_it_is_what_each_network_shows_alone():
    study = draw(use_a=0.4, use_b=0.1, n=400)
    found = compare(study)
    for name, outputs in (("a", study.a), ("b", study.b)):
        alone = utilization_test(
            outputs,
            study.table["scanner"],
            target=study.table["disease"],
            n_permutations=0,
        )
        expected = [alone.utilization, alone.low, alone.high]
        own = [
            getattr(found, f"{key}_{name}") for key in ("utilization", "low", "high")
        ]
        assert own == pytest.approx(expected, rel=1e-6)


def test_neither_rows_nor_units_of_the_outputs_matter():
    study = draw(use_a=0.3, use_b=0.2, n_patients=70)
    options = {"groups": study.table["patient"]}
    expected = numbers(compare(study, **options))
    order = np.random.default_rng(0).permutation(len(study.a))
    study.a, study.b = 1e4 + 7.0 * study.a[order], 1e-3 * study.b[order] + 5.0
    study.table = study.table.iloc[order].reset_index(drop=True)
    found = numbers(compare(study, groups=study.table["patient"]))
    assert found == pytest.approx(expected, rel=1e-7)


def test_a_score_of_the_other_class_changes_nothing_and_is_warned_of():
    study = draw(use_a=0.3, use_b=0.2)
    expected = numbers(compare(study))
    study.a = -study.a
    with pytest.warns(UserWarning, match="the score is that of the other class"):
        found = numbers(compare(study))
    assert found == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_rows_in_another_order_are_warned_of(seed):
    study = draw(seed, use_a=0.3, use_b=0.3)
    compare(study)  # Without a word.
    study.b = np.random.default_rng(seed).permutation(study.b)
    with pytest.warns(UserWarning, match="^outputs_b: the network predicts") as caught:
        compare(study)
    (warning,) = caught
    expected = "not better than chance. Likely causes: the rows of outputs_b and metad"
    assert expected in str(warning.message)
    assert warning.filename == __file__
    compare(study, check_head=False)  # Without a word.


def test_a_vector_that_all_classes_share_does_not_matter():
    study = draw(use_a=0.3, use_b=0.1)
    a = np.stack([study.a, -study.a, 0.3 * study.a], axis=1)
    b = np.stack([study.b, -study.b, 0.1 * study.b], axis=1)
    expected = compare_utilization(
        a, b, study.table["scanner"], target=study.table["disease"], random_state=0
    )
    shift = np.random.default_rng(0).standard_normal((len(a), 1))
    found = compare_utilization(
        a + shift,
        b,
        study.table["scanner"],
        target=study.table["disease"],
        random_state=0,
    )
    assert numbers(found) == pytest.approx(numbers(expected), rel=1e-7)


def test_columns_of_a_table_have_a_result_each():
    study = draw(use_a=0.4, use_b=0.1, n=400)
    columns = study.table[["scanner", "age"]]
    found = compare(study, column=columns)
    assert list(found) == ["scanner", "age"]
    assert found["scanner"].verdict == "less used"
    assert found["age"].verdict in ("same", "inconclusive")


@pytest.mark.parametrize(("dtype", "digits"), [(np.float64, 9), (np.float32, 6)])
@pytest.mark.parametrize("seed", range(3))
def test_a_network_and_itself_are_the_same_however_few_rows_there_are(
    seed, dtype, digits
):
    study = draw(n=60, seed=seed)
    study.a = study.a.astype(dtype)
    study.b = (0.3 * study.a + 1.0).astype(dtype)
    found = compare(study)
    assert (found.verdict, found.pvalue) == ("same", 1.0)
    assert found.difference == pytest.approx(0.0, abs=10.0**-digits)


def test_named_outputs_are_matched_by_name():
    study = draw(use_a=0.3, use_b=0.1)
    a = pd.DataFrame({"no": -study.a, "yes": 2.0 * study.a})
    b = pd.DataFrame({"yes": 2.0 * study.b, "no": -study.b})
    options = {"target": study.table["disease"], "random_state": 0}
    found = compare_utilization(a, b, study.table["scanner"], **options)
    expected = compare_utilization(
        a, b[["no", "yes"]], study.table["scanner"], **options
    )
    assert numbers(found) == numbers(expected)


def frame(values, names=("no", "yes"), index=None):
    return pd.DataFrame(np.stack([-values, values], axis=1), index, columns=names)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda a, b, t: (a, np.stack([-b, b], axis=1), t),
            "outputs_b has 2 columns and outputs_a has 1: both networks must decide",
        ),
        (
            lambda a, b, t: (frame(a), frame(b, ("no", "maybe")), t),
            r"outputs_b has columns that outputs_a has not: \[?'?maybe",
        ),
        (
            lambda a, b, t: (frame(a), frame(b, ("no", "no")), t),
            "outputs_b: several columns are named 'no'",
        ),
        (
            lambda a, b, t: (a[:-1], b, t[:-1]),
            "outputs_b has 300 rows and outputs_a has 299",
        ),
        (
            lambda a, b, t: (a, b, t[:-1]),
            "column has 299 rows and outputs_a has 300",
        ),
        (
            lambda a, b, t: (frame(a), frame(b, index=np.arange(300)[::-1]), t),
            "outputs_a and outputs_b have the same labels in a different order",
        ),
        (
            lambda a, b, t: (frame(a), frame(b, index=np.arange(300) + 5), t),
            "outputs_a and outputs_b have different labels, first in row 0",
        ),
        (
            lambda a, b, t: (a, np.where(np.arange(300) == 7, np.nan, b), t),
            "outputs_b",
        ),
        (lambda a, b, t: (a, np.ones(300), t), "outputs_b do not vary"),
        (lambda a, b, t: (a, None, t), "outputs_b: None is no array"),
        (lambda a, b, t: (a[:, None, None], b, t), "outputs_a has 3 dimensions"),
    ],
)
def test_bad_outputs_end_in_one_line(change, message):
    study = draw()
    a, b, scanner = change(study.a, study.b, study.table["scanner"])
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        compare_utilization(a, b, scanner.to_numpy(), target=None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"column": None}, "column is None"),
        ({"adjustment": "cubic"}, "adjustment: 'cubic' is not known"),
        ({"significance": 0.5}, "significance"),
        ({"min_effect": -0.1}, "min_effect"),
        ({"n_permutations": 1.5}, "n_permutations"),
        ({"kinds": {"site": "categorical"}}, "kinds: 'site' is no column"),
        ({"column": np.ones(300)}, "column"),
        ({"groups": np.zeros(299)}, "groups has 299 rows and outputs_a has 300"),
    ],
)
def test_other_bad_arguments_end_in_one_line(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        compare(draw(), **options)


def test_a_column_that_is_determined_by_the_target_cannot_be_tested():
    study = draw()
    with pytest.raises(ValueError, match="'scanner' cannot be tested: at fixed"):
        compare(study, column=study.table["disease"].rename("scanner"))


@pytest.mark.filterwarnings("default")
def test_probabilities_beside_logits_are_warned_of():
    study = draw()
    study.b = 1.0 / (1.0 + np.exp(-(study.b - study.b.mean())))
    with pytest.warns(UserWarning, match="outputs_b are probabilities and outputs_a"):
        compare(study)


@pytest.mark.filterwarnings("default")
def test_a_row_that_decides_and_too_few_permutations_are_warned_of():
    study = draw()
    study.a[5] += 1e4
    with pytest.warns(UserWarning, match="outputs_a: row 5"):
        compare(study)
    with pytest.warns(UserWarning, match="n_permutations=9: no p-value") as caught:
        compare(draw(), n_permutations=9)
    assert caught[0].filename == __file__


def test_the_signature_is_the_contract():
    names = list(inspect.signature(compare_utilization).parameters)
    assert names == [
        *("outputs_a", "outputs_b", "column", "target", "confounders", "groups"),
        *("kinds", "adjustment", "check_head", "n_permutations", "min_effect"),
        *("significance", "random_state"),
    ]


@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_a_network_that_is_given_twice_is_noticed(shift):
    study = draw(use_a=0.3, use_b=0.1)
    a = np.stack([-study.a, study.a], axis=1)
    settings = {"target": study.table["disease"], "n_permutations": 0}
    # What is added to all outputs of a sample decides nothing.
    with pytest.warns(UserWarning, match="^outputs_a and outputs_b are equal in all"):
        found = compare_utilization(
            a, a.astype(np.float32) + shift, study.table["scanner"], **settings
        )
    assert found.difference == pytest.approx(0.0, abs=1e-5)
    other = a.copy()
    other[3] *= 1.01
    compare_utilization(a, other, study.table["scanner"], **settings)


def test_rows_without_a_level_are_noted():
    study = draw(use_a=0.3, use_b=0.1)
    scanner = study.table["scanner"].astype(object)
    scanner[:30], scanner[30] = None, "lone"
    found = compare(study, column=scanner)
    missing, rare = found.notes
    assert missing == "30 of 300 rows are missing"
    assert rare.startswith("1 rows of 1 rare levels ('lone'")
    assert found.n_units == 269
    assert compare(study).notes == ()
