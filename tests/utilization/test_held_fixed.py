"""What is held fixed: confounders and main effects, in classes and together."""

import numpy as np
import pytest

from sklearn_wsca._input.column import Column
from sklearn_wsca._utilization.held_fixed import held_terms
from tests.columns import column_of
from tests.reference import held_fixed

RNG = np.random.default_rng(0)
WEIGHTS = RNG.uniform(0.2, 3.0, 40)
ROWS = np.arange(40)


@pytest.mark.parametrize(("n_units", "left"), [(40, 5), (60, 6), (61, 9), (71, 10)])
def test_confounders_are_held_in_classes_and_together_where_units_suffice(
    n_units, left
):
    """3 classes, a number, two levels: 6 terms; 12 in classes; 2 more together."""
    disease = Column("disease", "categorical", ROWS, ROWS % 3, (0, 1, 2))
    age = Column("age", "continuous", ROWS, 60.0 + 9.0 * RNG.standard_normal(40))
    sex = Column("sex", "categorical", ROWS, RNG.integers(0, 2, 40), ("f", "m"))
    classes = disease.labels
    held = held_terms(disease, [age, sex], WEIGHTS, classes, n_units, "linear")
    found = held.written_out()
    expected = held_fixed(classes, [age.labels, sex.labels], WEIGHTS, None, n_units)
    rank = np.linalg.matrix_rank(found)
    assert rank == np.linalg.matrix_rank(expected) == left
    assert np.linalg.matrix_rank(np.hstack([found, expected])) == rank


def spans(held, values):
    """Whether columns are combinations of what is held."""
    terms = held.written_out()
    left = values - terms @ np.linalg.lstsq(terms, values, rcond=None)[0]
    return np.linalg.norm(left, axis=0) < 1e-8 * np.linalg.norm(values, axis=0)


@pytest.mark.parametrize("n_units", [30, 4000])
@pytest.mark.parametrize("adjustment", ["linear", "spline"])
def test_main_effects_of_an_interaction_are_held_in_every_class(n_units, adjustment):
    """Whatever the units carry; but never what is examined."""
    rng = np.random.default_rng(1)
    classes, sex = np.arange(200) % 3, rng.integers(0, 2, 200)
    age = 60.0 + 9.0 * rng.standard_normal(200)
    parts = column_of(age, "age"), column_of(sex, "sex")
    disease, weights = column_of(classes, "disease"), np.ones(200)
    found = held_terms(disease, [], weights, classes, n_units, adjustment, parts)
    own = np.column_stack([age, sex])
    for number in range(3):
        assert spans(found, own * (classes == number)[:, None]).all()
    assert not spans(found, (age * sex)[:, None]).any()


def test_main_effects_are_held_along_a_continuous_target():
    rng = np.random.default_rng(2)
    severity, dose = 5.0 + rng.standard_normal((2, 300)) * [[2.0], [0.1]]
    sex = rng.integers(0, 2, 300)
    parts = column_of(sex, "sex"), column_of(dose, "dose")
    thirds = np.searchsorted(np.quantile(severity, [1 / 3, 2 / 3]), severity)
    found = held_terms(
        column_of(severity, "severity"), [], np.ones(300), thirds, 300, "linear", parts
    )
    assert spans(found, np.column_stack([sex * severity, dose * severity])).all()


def test_each_part_is_held_together_with_confounders_where_units_suffice():
    """Keller (2014): a confounder that acts with one part looks like the other."""
    rng = np.random.default_rng(3)
    site, sex, batch = rng.integers(0, 2, (3, 400))
    parts = column_of(sex, "sex"), column_of(batch, "batch")
    constant = np.zeros(400, dtype=int)
    crossed = np.column_stack([site * sex, site * batch])
    for n_units, held in ((400, True), (20, False)):
        found = held_terms(
            None, [column_of(site, "site")], np.ones(400), constant, n_units,
            "spline", parts,
        )  # fmt: skip
        assert (spans(found, crossed) == held).all()
        assert not spans(found, (sex * batch)[:, None]).any()
