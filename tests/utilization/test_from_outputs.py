"""The test for people who only have predictions."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from sklearn_wsca import utilization_test
from sklearn_wsca._utilization.from_outputs import UtilizationResult
from tests.decision_studies import MEANS, SCALES
from tests.reference import least_squares_utilization

N = 240
NUMBERS = [f.name for f in fields(UtilizationResult) if f.type == "float"]
ESTIMATES = ["utilization", "raw", "low", "high", "minimum_detectable_effect"]


def make_study(seed=0, use=0.0, n_patients=60, n=N):
    """Logits and a table; scanner and disease go together, and age with both.

    `use` is how far the scanner moves the logits; sex never does.
    """
    rng = np.random.default_rng(seed)
    patient = np.arange(n) % n_patients
    ill = rng.integers(0, 3, n_patients)[patient]
    scanner = np.where(
        rng.random(n_patients)[patient] < 0.4,
        ill,
        rng.integers(0, 3, n_patients)[patient],
    )
    table = pd.DataFrame(
        {
            "disease": np.array(["none", "mild", "severe"])[ill],
            "scanner": np.array(["S8", "V830", "E10"])[scanner],
            "sex": np.array(["f", "m"])[rng.integers(0, 2, n_patients)[patient]],
            "age": 60.0 + 9.0 * rng.standard_normal(n_patients)[patient] + 3.0 * ill,
            "severity": 40.0 * ill + 7.0 * rng.standard_normal(n),
            "view": np.array(["left", "right"])[rng.integers(0, 2, n)],
            # Differs between the images of a patient more than between patients.
            "dose": 1e-3 * (2.0 + rng.random(n) + np.arange(n) // n_patients),
            "patient": np.array([f"p{i}" for i in range(n_patients)])[patient],
        }
    )
    logits = rng.standard_normal((n, 3))
    logits[np.arange(n), ill] += 1.5
    logits += use * np.outer(scanner, [1.0, 0.0, -1.0])
    return logits, table


def run(outputs, column, target, **options):
    options = {
        "n_permutations": 39,
        "random_state": 0,
        "adjustment": "linear",
        **options,
    }
    return utilization_test(outputs, column, target=target, **options)


def raw_by_hand(outputs, table, name, held=(), target="disease", rows=slice(None)):
    """Raw utilization by least squares, without what the outputs of a row share."""
    return least_squares_utilization(
        (outputs - outputs.mean(axis=1, keepdims=True))[rows],
        table[name].to_numpy()[rows],
        table[target].to_numpy()[rows],
        [table[other].to_numpy()[rows] for other in held],
    ).raw


def assert_same_numbers(found, expected):
    """p-values are equal, estimates but for rounding."""
    assert found.pvalue == expected.pvalue
    assert found.pvalue_fwer == expected.pvalue_fwer
    for field in ESTIMATES:
        assert getattr(found, field) == pytest.approx(
            getattr(expected, field), rel=1e-7, abs=1e-9
        )


# --- what comes back -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["scanner", "sex", "age", "view", "dose"])
@pytest.mark.parametrize("grouped", [False, True])
def test_every_field_is_filled(name, grouped):
    logits, table = make_study(use=0.3)
    groups = table["patient"] if grouped else None
    found = run(logits, table[name], table["disease"], groups=groups)
    assert isinstance(found, UtilizationResult)
    for field in (n for n in NUMBERS if not n.startswith("probability_shift")):
        assert isinstance(getattr(found, field), float)
        assert np.isfinite(getattr(found, field)), field
    assert np.isnan(found.probability_shift)
    assert 0.0 <= found.utilization < found.raw
    assert 0.0 <= found.low <= found.high
    assert found.null_distribution.shape == (39,)
    # Noise is at least that of permutations.
    expected = max(found.raw**2 - np.mean(found.null_distribution**2), 0.0)
    assert 0.5 * expected - 0.005 < found.utilization**2 <= expected + 1e-9
    assert found.pvalue == found.pvalue_fwer == found.qvalue
    assert (found.pvalue * 40) == pytest.approx(round(found.pvalue * 40))
    within = grouped and name in ("view", "dose")
    n_units = 60 if grouped and not within else N
    if within:
        # Groups in which the column is constant have nothing to exchange.
        varies = table[name].groupby(table["patient"]).transform("nunique") > 1
        n_units = varies.sum()
    assert found.n_units == n_units
    assert n_units in (60, N) or 200 < n_units < N
    assert found.scheme.startswith("rows within groups" if within else "")
    assert found.scheme.endswith("within levels of the target")


@pytest.mark.filterwarnings("ignore:outputs. there are [23] outputs")
@pytest.mark.parametrize("name", ["scanner", "age"])
@pytest.mark.parametrize(
    ("target", "scheme"),
    [
        ("disease", "rows within levels of the target"),
        ("severity", "residuals (Freedman-Lane) of rows"),
    ],
)
def test_the_raw_value_is_that_of_least_squares(name, target, scheme):
    logits, table = make_study(use=0.3)
    outputs = logits * SCALES + MEANS
    found = run(outputs, table[name], table[target])
    assert found.raw == pytest.approx(raw_by_hand(outputs, table, name, target=target))
    assert found.scheme == scheme


def test_a_frame_gives_a_result_for_each_column():
    logits, table = make_study(use=0.4)
    columns = table[["sex", "scanner", "age", "view"]]
    options = {"groups": table["patient"], "n_permutations": 79}
    found = run(logits, columns, table["disease"], **options)
    assert list(found) == list(columns)
    for name, result in found.items():
        alone = run(logits, table[name], table["disease"], **options)
        for field in ("utilization", "raw", "low", "high", "pvalue", "scheme"):
            assert getattr(result, field) == getattr(alone, field), field
        np.testing.assert_array_equal(result.null_distribution, alone.null_distribution)
        # What a column must reach grows with the number of columns.
        assert result.minimum_detectable_effect > alone.minimum_detectable_effect
    pvalues = np.array([result.pvalue for result in found.values()])
    corrected = np.array([result.pvalue_fwer for result in found.values()])
    assert (corrected >= pvalues).all()
    assert (corrected > pvalues).any()
    np.testing.assert_allclose(
        [result.qvalue for result in found.values()],
        stats.false_discovery_control(pvalues),
    )
    assert found["scanner"].pvalue_fwer == 1 / 80
    assert found["sex"].pvalue_fwer > 1 / 80


@pytest.mark.parametrize("kind", ["frame of one column", "array of two columns"])
def test_a_table_always_gives_a_dict(kind):
    logits, table = make_study()
    if kind == "frame of one column":
        found = run(logits, table[["sex"]], table["disease"])
        assert list(found) == ["sex"]
    else:
        found = run(logits, table[["sex", "age"]].to_numpy(), table["disease"])
        assert list(found) == ["x0", "x1"]
    first = next(iter(found.values()))
    assert first.raw == run(logits, table["sex"], table["disease"]).raw


def test_all_common_containers_give_the_same(make_frame):
    logits, table = make_study(use=0.3)
    expected = run(logits, table["scanner"], table["disease"])
    frame = make_frame({name: table[name].to_list() for name in table})
    logits = make_frame(dict(zip("abc", logits.T, strict=True)))
    found = run(logits, frame["scanner"], frame["disease"])
    assert (found.utilization, found.pvalue) == (expected.utilization, expected.pvalue)
    found = run(logits, table["scanner"].to_list(), table["disease"].to_numpy())
    assert (found.utilization, found.pvalue) == (expected.utilization, expected.pvalue)


def test_a_column_may_have_the_name_of_an_argument():
    """Else the target would not be held fixed for it."""
    logits, table = make_study(use=0.3)
    expected = run(logits, table["scanner"], table["disease"])
    for name in ("target", "confounders", "groups", "column", "disease"):
        found = run(logits, table["scanner"].rename(name), table["disease"])
        assert (found.raw, found.scheme) == (expected.raw, expected.scheme)
    frame = table[["scanner", "sex"]].set_axis(["target", "target_"], axis=1)
    found = run(logits, frame, table["disease"], confounders=table["age"])
    expected = run(logits, table["sex"], table["disease"], confounders=table["age"])
    assert found["target_"].raw == expected.raw


# --- kinds of outputs ----------------------------------------------------------------


def test_probabilities_have_a_shift_in_percentage_points():
    logits, table = make_study(use=0.5)
    probabilities = special.softmax(logits, axis=1)
    found = run(probabilities, table["scanner"], table["disease"])
    ill, scanner = (table[c].to_numpy() for c in ("disease", "scanner"))
    largest = []
    for rows in (ill == ill, *(ill == level for level in np.unique(ill))):
        contrasts = least_squares_utilization(
            probabilities[rows], scanner[rows], ill[rows]
        ).contrasts
        largest.append(100.0 * np.ptp(contrasts, axis=0).max())
    # In all classes, or in one of them where it is beyond doubt.
    assert found.probability_shift == pytest.approx(max(largest), rel=0.2)
    assert any(found.probability_shift == pytest.approx(value) for value in largest)
    assert found.probability_shift >= largest[0]
    assert 0.0 < found.probability_shift_low < found.probability_shift_high
    assert found.probability_shift > 5.0
    assert found.pvalue == 1 / 40
    assert np.isnan(run(logits, table["scanner"], table["disease"]).probability_shift)


@pytest.mark.filterwarnings("ignore:outputs. there are [23] outputs")
@pytest.mark.parametrize(
    "outputs",
    [
        np.array([0.2, 0.9]),
        np.array([[0.2, 0.8], [0.9, 0.1]]),
        np.array([[0, 1], [1, 0]]),
    ],
)
def test_outputs_between_0_and_1_that_add_up_are_probabilities(outputs):
    _, table = make_study()
    rows = np.random.default_rng(0).integers(0, 2, N)
    assert run(outputs[rows], table["sex"], table["disease"]).probability_shift > 0
    for changed in (outputs + 0.2, outputs - 0.3, 2.0 * outputs - 0.05):
        found = run(changed[rows], table["sex"], table["disease"])
        assert np.isnan(found.probability_shift)


@pytest.mark.parametrize("name", ["scanner", "age"])
def test_a_score_may_be_a_vector_or_a_single_column(name):
    logits, table = make_study(use=0.4)
    score = 700.0 + 30.0 * (logits[:, 0] - logits[:, 2])
    found = run(score, table[name], table["disease"])
    as_column = run(score[:, None], table[name], table["disease"])
    for field in NUMBERS:
        np.testing.assert_equal(getattr(found, field), getattr(as_column, field))
    expected = least_squares_utilization(
        score[:, None], table[name].to_numpy(), table["disease"].to_numpy()
    )
    assert found.raw == pytest.approx(expected.raw)


@pytest.mark.filterwarnings("ignore:outputs. there are [23] outputs")
def test_the_score_of_two_classes_is_their_pair_of_scores():
    logits, table = make_study(use=0.4)
    score = logits[:, 0] - logits[:, 2]
    one = run(score, table["scanner"], table["disease"])
    pair = np.column_stack([3.0 + 0.5 * score, 3.0 - 0.5 * score])
    two = run(pair, table["scanner"], table["disease"])
    assert two.raw == pytest.approx(one.raw)
    assert two.pvalue == one.pvalue
    assert two.high == pytest.approx(one.high)


# --- what is held fixed --------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_without_target_an_associated_column_seems_used(seed):
    """The trap that holding the target fixed avoids."""
    logits, table = make_study(seed, n_patients=N)
    free = run(logits, table["scanner"], None)
    assert (free.scheme, free.n_units) == ("rows", N)
    assert free.pvalue == 1 / 40
    assert free.low > 0.05
    held = run(logits, table["scanner"], table["disease"])
    assert held.pvalue > 0.05
    assert held.raw < free.raw


@pytest.mark.parametrize("form", ["Series", "array", "DataFrame"])
def test_confounders_are_held_fixed(form):
    """The outputs follow age, which goes with the column; age itself is no part."""
    rng = np.random.default_rng(0)
    logits, table = make_study(n_patients=N)
    older = table["age"] + 5.0 * rng.standard_normal(N) > 62.0
    site = pd.Series(np.where(older, "North", "South"), name="site")
    logits = logits + np.outer(table["age"] - 60.0, [0.2, 0.0, -0.2])
    confounded = run(logits, site, table["disease"])
    assert confounded.pvalue == 1 / 40
    confounders = {
        "Series": table["age"],
        "array": table["age"].to_numpy(),
        "DataFrame": table[["age"]],
    }[form]
    found = run(logits, site, table["disease"], confounders=confounders)
    assert found.scheme.startswith("residuals (Freedman-Lane)")
    assert found.pvalue > 0.05
    expected = raw_by_hand(logits, table.assign(site=site), "site", ["age"])
    assert found.raw == pytest.approx(expected)
    assert found.raw < 0.6 * confounded.raw


# --- groups --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_are_repeated_add_no_evidence_if_they_are_grouped(seed):
    """Five copies of every row: the interval stays, while that of rows shrinks."""
    logits, table = make_study(seed, use=0.15, n_patients=N)
    once = run(logits, table["scanner"], table["disease"], n_permutations=199)
    again = np.repeat(np.arange(N), 5)
    copies = logits[again], table["scanner"].iloc[again], table["disease"].iloc[again]
    found = run(*copies, groups=table["patient"].iloc[again], n_permutations=199)
    assert found.raw == pytest.approx(once.raw)
    assert found.high == pytest.approx(once.high, rel=0.02)
    assert found.minimum_detectable_effect == pytest.approx(
        once.minimum_detectable_effect, rel=0.02
    )
    assert found.pvalue == pytest.approx(once.pvalue, abs=0.12)
    unaware = run(*copies)
    width = once.high - once.low
    assert unaware.high - unaware.low < 0.7 * width
    assert unaware.minimum_detectable_effect < 0.6 * once.minimum_detectable_effect


def test_rows_without_a_group_are_not_used():
    logits, table = make_study(use=0.3)
    known = np.arange(N) % 7 != 0
    groups = table["patient"].where(known)
    found = run(logits, table["scanner"], table["disease"], groups=groups)
    expected = raw_by_hand(logits, table, "scanner", rows=known)
    assert found.raw == pytest.approx(expected)


# --- permutations --------------------------------------------------------------------


def test_without_permutations_there_is_an_estimate_and_an_interval():
    logits, table = make_study(use=0.4)
    found = run(logits, table["scanner"], table["disease"], n_permutations=0)
    permuted = run(logits, table["scanner"], table["disease"], n_permutations=199)
    for field in ("pvalue", "pvalue_fwer", "qvalue"):
        assert np.isnan(getattr(found, field))
    assert found.null_distribution.shape == (0,)
    for field in ("raw", "low", "high", "minimum_detectable_effect", "n_units"):
        assert getattr(found, field) == getattr(permuted, field)
    assert found.utilization == pytest.approx(permuted.utilization, rel=0.05)
    frame = run(logits, table[["scanner", "age"]], table["disease"], n_permutations=0)
    assert np.isnan([result.pvalue_fwer for result in frame.values()]).all()


@pytest.mark.parametrize("m", [1, 19, 99])
def test_no_pvalue_is_below_its_floor(m):
    logits, table = make_study(use=2.0)
    options = {"n_permutations": m, "significance": 0.5}
    found = run(logits, table["scanner"], table["disease"], **options)
    assert found.pvalue == pytest.approx(1 / (m + 1))
    assert len(found.null_distribution) == m


def test_the_interval_has_the_level_asked_for():
    logits, table = make_study(use=0.4)
    widths = []
    for significance in (0.01, 0.05, 0.3):
        options = {"n_permutations": 0, "significance": significance}
        found = run(logits, table["scanner"], table["disease"], **options)
        assert found.low < found.raw < found.high
        widths.append((found.high - found.low, found.minimum_detectable_effect))
    assert (np.diff(widths, axis=0) < 0).all()


# --- invariances ---------------------------------------------------------------------


def test_only_the_permutations_depend_on_the_seed():
    logits, table = make_study(use=0.1)
    one, same, other = (
        run(logits, table["scanner"], table["disease"], random_state=seed)
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one.null_distribution, same.null_distribution)
    assert (one.null_distribution != other.null_distribution).any()
    assert (one.raw, one.low, one.high) == (other.raw, other.low, other.high)


# --- missing values ------------------------------------------------------------------


@pytest.mark.parametrize("where", ["column", "target", "confounders"])
@pytest.mark.parametrize("name", ["scanner", "age"])
def test_rows_with_missing_labels_are_not_used(where, name):
    logits, table = make_study(use=0.3)
    known = np.arange(N) % 5 != 0
    parts = {"column": name, "target": "disease", "confounders": "dose"}
    gaps = {part: table[column] for part, column in parts.items()}
    gaps[where] = gaps[where].where(known)
    found = run(logits, gaps.pop("column"), gaps.pop("target"), **gaps)
    expected = raw_by_hand(logits, table, name, ["dose"], rows=known)
    assert found.raw == pytest.approx(expected)
    assert found.n_units == known.sum()


def test_columns_with_different_gaps_are_each_tested_on_their_rows():
    logits, table = make_study(use=0.3)
    gaps = table[["scanner", "age"]].copy()
    gaps.loc[::4, "scanner"] = None
    gaps.loc[1::3, "age"] = np.nan
    found = run(logits, gaps, table["disease"])
    assert found["scanner"].n_units == N - 60
    assert found["age"].n_units == N - 80
    for name in gaps:
        alone = run(logits, gaps[name], table["disease"])
        assert found[name].pvalue == alone.pvalue


# --- bad input -----------------------------------------------------------------------

LOGITS, TABLE = make_study()
GOOD = {
    "outputs": LOGITS,
    "column": TABLE["scanner"],
    "target": TABLE["disease"],
    "confounders": TABLE["age"],
    "groups": TABLE["patient"],
    "n_permutations": 39,
    "significance": 0.05,
    "random_state": 0,
}


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("outputs", np.full((N, 3), 4.0), "outputs .* do not vary"),
        ("outputs", np.zeros((N, 3, 2)), "outputs has 3 dimensions"),
        ("column", np.zeros((N, 2, 2)), "column"),
        ("column", pd.DataFrame(np.ones((N, 2)), columns=["a", "a"]), "^column"),
        ("column", None, "column"),
        ("column", [1, "a", None] * 80, r"column.*types (?!.*y\[)"),
        ("column", TABLE["scanner"].iloc[:-1], "column has 239 rows and outputs has"),
        ("column", np.full(N, 3.25), "column.* constant"),
        ("column", TABLE["disease"], "column: the target 'disease' is among them"),
        ("column", TABLE["age"], "column 'age' .*nothing is left to compare"),
        ("target", TABLE["disease"].iloc[1:], "target has 239 rows"),
        ("target", TABLE[["disease", "sex"]], "target has 2 columns; pass one"),
        ("target", np.full(N, "ill"), "target.* constant"),
        ("target", TABLE["patient"], "target.* identifier-like"),
        ("target", TABLE["scanner"], "column: the target 'scanner' is among them"),
        ("confounders", TABLE["age"].iloc[1:], "confounders has 239 rows"),
        ("confounders", np.full(N, 5.0), "confounders.* constant"),
        ("confounders", TABLE["scanner"], "at fixed 'target' and 'confounders' noth"),
        ("groups", TABLE["patient"].iloc[1:], "groups has 239 rows"),
        ("groups", TABLE[["patient", "sex"]], "groups has 2 columns; pass one"),
        ("groups", np.full(N, "p1"), "groups: 'groups' holds 1 different values"),
        ("groups", np.arange(N) % 2, "column 'scanner' .* different 'groups'"),
        ("groups", [None] * N, "groups: 'groups' holds 0 different values"),
        ("n_permutations", -1, "n_permutations"),
        ("significance", 0.0, "significance"),
        ("significance", 1.0, "significance"),
    ],
)
def test_bad_input_is_refused_with_the_name_of_the_argument(argument, value, message):
    with pytest.raises(ValueError, match=message):
        utilization_test(**{**GOOD, argument: value})


@pytest.mark.parametrize(
    ("argument", "value"),
    [("n_permutations", 9.5), ("n_permutations", "9"), ("significance", "5%")],
)
def test_numbers_of_the_wrong_type_are_refused(argument, value):
    with pytest.raises(TypeError, match=argument):
        utilization_test(**{**GOOD, argument: value})


def test_the_good_input_is_good():
    """Else every test of bad input could pass for the wrong reason."""
    assert utilization_test(**GOOD).n_units == 60


def test_the_target_must_be_given():
    with pytest.raises(TypeError, match="target"):
        utilization_test(LOGITS, TABLE["scanner"])


def test_one_bad_column_of_a_frame_is_named():
    frame = TABLE[["scanner", "age"]].assign(site="Aarhus")
    with pytest.raises(ValueError, match=r"column: 'site' .* constant"):
        run(LOGITS, frame, TABLE["disease"])
    frame["site"] = TABLE["disease"]
    with pytest.raises(ValueError, match="column 'site' cannot be tested: at fixed"):
        run(LOGITS, frame, TABLE["disease"])


# --- finds use, and nothing else -----------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_one_number_added_to_all_logits_of_a_row_changes_nothing(seed):
    logits, table = make_study(seed, use=0.15)
    moved = logits + 5.0 * np.random.default_rng(seed).standard_normal((len(logits), 1))
    expected, found = (
        run(o, table["scanner"], table["disease"]) for o in (logits, moved)
    )
    assert_same_numbers(found, expected)


@pytest.mark.parametrize("seed", range(2))
def test_the_order_of_rows_is_irrelevant_for_hard_predictions(seed):
    """All rows are equally far from the mean, and many have the same labels."""
    logits, table = make_study(seed)
    hard = (logits[:, 0] > np.median(logits[:, 0])).astype(float)
    order = np.random.default_rng(seed).permutation(len(hard))
    expected = run(hard, table["scanner"], table["disease"])
    found = run(hard[order], table["scanner"].iloc[order], table["disease"].iloc[order])
    np.testing.assert_allclose(found.null_distribution, expected.null_distribution)
    assert found.pvalue == expected.pvalue


def test_a_frame_keeps_the_name_x0():
    frame = TABLE[["sex"]].set_axis(["x0"], axis=1)
    assert list(run(LOGITS, frame, TABLE["disease"])) == ["x0"]


@pytest.mark.parametrize("seed", range(5))
def test_the_estimate_lies_in_its_interval_where_noise_differs_between_rows(seed):
    """Outputs are exact where the column is far from its mean, and only there."""
    rng = np.random.default_rng(seed)
    n = 200
    column = np.where(
        rng.random(n) < 0.1, rng.choice([51.0, 69.0], n), rng.normal(60.0, 0.2, n)
    )
    is_far = np.abs(column - 60.0) > 3.0
    noise = rng.normal(size=n) * np.where(is_far, 0.001, 1.0)
    result = utilization_test(
        5.0 + 0.02 * (column - 60.0) + noise,
        column,
        target=np.array(["ill", "well"])[np.arange(n) % 2],
        n_permutations=199,
        random_state=0,
    )
    assert result.low <= result.utilization <= result.high
    assert result.high > 0.03


def test_too_few_permutations_for_any_finding_are_a_warning():
    rng = np.random.default_rng(0)
    outputs, columns = rng.normal(size=60), rng.normal(60.0, 9.0, size=(60, 2))
    table = pd.DataFrame(columns, columns=["age", "dose"])
    with pytest.warns(UserWarning, match=r"use n_permutations=39 or more\."):
        utilization_test(outputs, table, target=None, n_permutations=38)
    utilization_test(outputs, table, target=None, n_permutations=39)
    utilization_test(outputs, table["age"], target=None, n_permutations=19)
