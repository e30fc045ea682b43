"""What is permuted, what rows weigh, and what cannot be compared."""

import numpy as np
import pytest

from sklearn_wsca._input.column import LeftOutError
from sklearn_wsca._utilization.preparation import _independent_share
from sklearn_wsca._utilization.regression import HeldTerms
from tests.decision_studies import MEANS, SCALES, Sample
from tests.output_studies import (
    COLUMNS,
    DESIGNS,
    UNEQUAL,
    N,
    make_study,
    orders_of,
    study_of,
)
from tests.reference import independent_share

pytestmark = pytest.mark.usefixtures("few_groups_are_enough")


# --- Freedman-Lane -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("design", "target", "held", "needed", "within_target"),
    [
        ("rows", None, 0, False, False),
        ("rows", "3 classes", 0, False, True),
        ("rows", "numbers", 0, True, False),
        ("rows", "3 classes", 1, True, True),
        ("rows", None, 1, True, False),
        ("groups", None, 0, False, False),
        ("groups", "3 classes", 0, False, True),
        ("groups", "3 classes", 1, True, True),
        ("groups", "numbers", 0, True, False),
        ("groups, target varies", "3 classes", 0, True, False),
        ("within groups", None, 0, False, False),
        ("within groups", "3 classes", 0, False, True),
        ("within groups", "3 classes", 1, True, True),
        ("within groups, target varies", "3 classes", 0, True, False),
    ],
)
def test_residuals_are_permuted_where_plain_permutations_would_break_associations(
    design, target, held, needed, within_target
):
    model = make_study("4 levels", target, held, **DESIGNS[design]).model()
    assert model.freedman_lane == needed
    assert model.exchange.within_target == within_target
    assert bool(np.abs(model.fitted).max() > 1e-9) == needed


def test_numbers_that_are_constant_within_groups_need_no_residuals_within_them():
    """Permutations within patients keep an association with the patient's age."""
    study = make_study(**DESIGNS["within groups"])
    unit = study.groups
    for age, needed in ((50.0 + 3.0 * unit, False), (50.0 + study.labels, True)):
        study.held = [age + 0.1 * needed * np.arange(len(unit))]
        assert study.model().freedman_lane == needed


# --- weights of rows -----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shared", [0.0, 1.0, 100.0])
def test_rows_of_a_group_share_what_they_know(seed, shared):
    """Weights by a loop over pairs; of rows, of means of groups, and in between."""
    rng = np.random.default_rng(seed)
    clusters = np.unique(UNEQUAL, return_inverse=True)[1]
    n, sizes = len(clusters), np.bincount(clusters)
    outputs = (
        rng.standard_normal((n, 2)) + shared * rng.standard_normal((30, 2))[clusters]
    )
    terms = np.hstack([np.ones((n, 1)), rng.standard_normal((n, 2))])
    weights = rng.uniform(0.5, 1.5, n)
    held = HeldTerms(np.zeros(n, dtype=int), terms[:, 1:])
    found = _independent_share(outputs, held, weights, clusters)
    np.testing.assert_allclose(
        found, independent_share(outputs, terms, weights, clusters), rtol=1e-9
    )
    by_group = np.bincount(clusters, found)
    if shared == 0.0:
        assert found.mean() > 0.7
    elif shared == 100.0:
        np.testing.assert_allclose(by_group, 1.0, atol=0.1)
    else:
        assert (by_group >= 1.0).all() and (by_group <= sizes).all()
        assert 1.2 < by_group[sizes > 3].mean() < 2.5
    # Without groups all rows count.
    alone = _independent_share(outputs, held, weights, np.arange(n))
    np.testing.assert_array_equal(alone, 1.0)


@pytest.mark.parametrize("design", [*DESIGNS])
@pytest.mark.parametrize("column", COLUMNS)
def test_groups_weigh_what_they_carry_unless_they_are_held_fixed(design, column):
    study = study_of(design, column, "3 classes", weighted=True)
    model = study.model()
    shares = model.rows.roots**2 / study.weights
    np.testing.assert_allclose(shares, study.share(), rtol=1e-9)
    whole = design == "rows" or design.startswith("within")
    assert (shares < 0.99).any() != whole


# --- nothing to compare --------------------------------------------------------------


def test_outputs_that_do_not_vary_are_refused():
    study = make_study()
    study.outputs = np.tile(MEANS, (N, 1))
    with pytest.raises(LeftOutError, match="do not vary"):
        study.model()


@pytest.mark.parametrize(
    ("labels", "target", "held", "reason"),
    [
        (np.arange(N) % 2, np.arange(N) % 2, [], "'disease' nothing is left"),
        (np.arange(N) % 2, np.arange(N) % 4, [], "never occur together"),
        # Levels 0 and 1 in one class, 2 and 3 in the other.
        (np.arange(N) % 4, np.arange(N) % 4 // 2, [], "never occur together"),
        (0.1 * (np.arange(N) % 4), np.arange(N) % 4, [], "determined by them"),
        (
            np.arange(N) % 2,
            None,
            [5.0 + np.arange(N) % 2],
            "fixed 'held 0' nothing is left",
        ),
        (
            np.arange(N) % 3,
            np.arange(N) % 5,
            [np.arange(N) % 3],
            "'disease' and 'held 0'",
        ),
    ],
)
def test_levels_that_cannot_be_told_from_what_is_held_are_refused(
    labels, target, held, reason
):
    study = Sample(make_study().outputs, labels, target, held, np.ones(N))
    with pytest.raises(LeftOutError, match=reason):
        study.model()


def test_one_row_in_another_cell_is_enough_to_compare():
    """The refusal is exact: a single exception makes the levels comparable."""
    labels, target = np.arange(N) % 2, np.arange(N) % 2
    target[0] = 1
    model = Sample(make_study().outputs, labels, target, [], np.ones(N)).model()
    assert np.isfinite(model.observed()).all()


@pytest.mark.parametrize("seed", range(3))
def test_one_wrong_cell_does_not_change_what_is_said_of_a_column(seed):
    """A scanner that is constant in every patient but for one image of one."""
    unit = np.repeat(np.arange(30), 4)
    scanner = np.random.default_rng(seed).integers(0, 2, 30)[unit]
    outputs = make_study(seed=seed).outputs + np.outer(scanner, SCALES)
    study = Sample(outputs, scanner, None, [], np.ones(N), unit)
    wrong = Sample(outputs, scanner.copy(), None, [], np.ones(N), unit)
    wrong.labels[0] = 1 - scanner[0]
    models = study.model(), wrong.model()
    assert [model.exchange.scheme for model in models] == [
        "between groups",
        "between and within groups",
    ]
    right, found = (model.observed() for model in models)
    assert found[0] == pytest.approx(right[0], rel=0.15)
    assert right[0] > 0.1


@pytest.mark.parametrize("seed", range(8))
def test_two_confounders_with_levels_do_not_inflate_the_null(seed):
    """Indicators of several columns depend on each other but for rounding."""
    rng = np.random.default_rng(seed)
    ill, sex, scanner = (rng.integers(0, n, N) for n in (3, 2, 2))
    outputs = rng.standard_normal((N, 3)) * SCALES + MEANS
    model = Sample(outputs, scanner, ill, [sex], np.ones(N)).model()
    np.testing.assert_allclose(model.fitted.sum(axis=1), 1.0, atol=1e-9)
    null = model.permutations(orders_of(N, 50))[:, 0]
    assert null.max() < 1.0
