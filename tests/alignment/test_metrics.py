"""Alignment metrics against their formulas, and the claims behind the p-values."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sklearn_wsca import WeightSpaceCorrelation, weight_space_correlation
from sklearn_wsca._alignment.metrics import (
    AlignmentSpace,
    aggregate_alignment,
    fitted_references,
    unit_rows,
)
from sklearn_wsca._linear.subspace import fit_subspace
from sklearn_wsca.datasets import make_shortcut
from tests.reference import (
    aggregate,
    align,
    centre_classes,
    cosine,
    principal_directions,
)

# --- the public function -------------------------------------------------------------


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("projected", [True, False])
def test_weight_space_correlation_matches_the_formula(projected, center):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((3, 12)) * 40.0 + 2.0
    b = rng.standard_normal((2, 12)) * 0.01 - 1.0
    P = np.linalg.qr(rng.standard_normal((12, 5)))[0].T
    found = weight_space_correlation(a, b, P if projected else None, center=center)
    kind = "logistic" if center else "ridge"
    P = P if projected else np.eye(12)
    expected = [
        [cosine(P @ row, P @ other) for other in centre_classes(b, kind)]
        for row in centre_classes(a, kind)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.abs(expected).max() > 0.05


def test_vectors_count_as_one_row_and_are_not_centred():
    a, b = np.array([3.0, 4.0]), np.array([40.0, 30.0])
    np.testing.assert_allclose(weight_space_correlation(a, b), [[0.96]])


@pytest.mark.parametrize(
    ("a", "b", "components", "message"),
    [
        (np.ones(3), np.ones(4), None, "3 features and coef_b has 4"),
        (np.ones(3), [1.0, np.nan, 2.0], None, "coef_b holds NaN"),
        (np.ones((2, 3)), np.ones(3), None, "zero after centring"),
        (np.zeros(3), np.ones(3), None, "zero after centring"),
        ([1.0, 0.0], [1.0, 2.0], [[0.0, 1.0]], "zero after centring"),
        # Rounding must not pass for a direction.
        (np.tile([0.1, 0.2, 0.7], (3, 1)), np.ones(3), None, "row 0 of coef_a is zero"),
        ([0.6, 0.8], [1.0, 2.0], [[0.8, -0.6 + 1e-16]], "row 0 of coef_a is zero"),
        (np.ones(3), np.ones(3), np.eye(2), "components has shape"),
        (np.ones((2, 2, 3)), np.ones(3), None, "3 dimensions"),
    ],
)
def test_weights_without_a_direction_are_refused(a, b, components, message):
    with pytest.raises(ValueError, match=message):
        weight_space_correlation(a, b, components)


# --- metrics -------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_components", [None, 4, 0.99])
@pytest.mark.parametrize("metric", ["weight", "score", "pattern"])
def test_metrics_match_their_formulas(metric, n_components, weighted):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((80, 9)) * np.geomspace(0.1, 10.0, 9) + 5.0
    weights = rng.uniform(0.1, 3.0, 80) if weighted else np.ones(80)
    a, b = rng.standard_normal((3, 9)), 100.0 * rng.standard_normal((2, 9))
    space = AlignmentSpace(
        fit_subspace(X, weights, n_components, 2), metric, n_components is not None
    )
    both = np.vstack([a, b])
    labels = list(range(5))
    filters = space.filters(both, X, weights, labels)
    references = space.references(both, X, weights, labels)
    principal = principal_directions(X, weights, n_components, 2)
    expected = align(both, both, principal, metric, n_components is not None)
    np.testing.assert_allclose(filters @ references.T, expected, atol=1e-10)
    off_diagonal = expected[~np.eye(5, dtype=bool)]
    assert np.abs(off_diagonal).max() > 0.1
    symmetric = np.allclose(expected, expected.T)
    assert symmetric == (metric != "pattern")


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("metric", ["weight", "score", "pattern"])
def test_heads_in_principal_coordinates_have_the_same_references(metric, center):
    rng = np.random.default_rng(2)
    X = rng.standard_normal((60, 6)) * np.geomspace(0.3, 5.0, 6) - 3.0
    subspace = fit_subspace(X, np.ones(60), 4, 0)
    space = AlignmentSpace(subspace, metric)
    batch = rng.standard_normal((5, 3, 4))
    found = fitted_references(batch, center, space.reference_weights())
    for coef, rows in zip(batch, found, strict=True):
        restored, _ = subspace.restore(coef, np.zeros(3))
        restored = centre_classes(restored, "logistic" if center else "ridge")
        expected = space.references(restored, X, np.ones(60), list(range(3)))
        np.testing.assert_allclose(rows, expected[:, :4], atol=1e-12)


def test_zero_row_in_a_batch_is_named():
    batch = np.ones((4, 2, 3))
    batch[2, 1] = 0.0
    with pytest.raises(ValueError, match="row second is zero"):
        unit_rows(batch, ["first", "second"])


@pytest.mark.parametrize("how", ["rms", "max", "mean"])
def test_aggregates_match_their_formulas_in_batches(how):
    matrices = np.random.default_rng(3).uniform(-1.0, 1.0, (6, 3, 2))
    found = aggregate_alignment(matrices, how)
    np.testing.assert_allclose(found, [aggregate(matrix, how) for matrix in matrices])
    assert np.ptp(found) > 0.05


# --- statistical claims --------------------------------------------------------------

PERMUTATIONS = 39
LEVEL = 0.05


def rejection_rates(draw, n_studies, **options):
    """Share of simulated studies whose alignment p-value is at most the level."""
    rejected = []
    for seed in range(n_studies):
        X, table, settings = draw(seed)
        model = WeightSpaceCorrelation(
            n_permutations=PERMUTATIONS,
            random_state=seed,
            cv=2,
            # 39 permutations cannot survive correction for several columns: not tested.
            significance=0.5,
            **(settings | options),
        ).fit(X, table)
        rejected.append(model.pvalues_ <= LEVEL)
    return pd.DataFrame(rejected).mean()


def assert_right_size(rates, n_studies):
    """Inside the 99.9 % interval of a binomial with the level as its probability."""
    low, high = np.array(stats.binom.interval(0.999, n_studies, LEVEL)) / n_studies
    assert rates.between(low, high).all(), rates


def unrelated(seed, n=120, d=10):
    """Embeddings, target and columns that know nothing of each other."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * np.linspace(0.5, 3.0, d) + rng.normal(5, 3, d)
    table = pd.DataFrame(
        {
            "disease": rng.integers(0, 2, n),
            "site": rng.choice(["Aarhus", "Bergen", "Cork"], n),
            "age": rng.normal(60.0, 12.0, n),
        }
    )
    return X, table, rng


def with_trained_head(seed):
    X, table, rng = unrelated(seed)
    head = rng.standard_normal((1, X.shape[1]))
    return X, table, {"target": "disease", "target_head": head}


def with_fitted_head(seed):
    X, table, _ = unrelated(seed)
    return X, table, {"target": "disease"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("draw", "metric"), [(with_trained_head, "score"), (with_fitted_head, "weight")]
)
def test_size_under_the_full_null(draw, metric):
    assert_right_size(rejection_rates(draw, 200, metric=metric), 200)


def with_shared_directions(seed):
    """Both columns move the embeddings along directions that the head reads."""
    X, table, rng = unrelated(seed)
    head = rng.standard_normal((1, X.shape[1]))
    direction = head[0] / np.linalg.norm(head)
    X = X + 2.0 * (table["site"] == "Cork").to_numpy()[:, None] * direction
    X = X + (table["age"].to_numpy()[:, None] - 60.0) / 10.0 * direction
    return X, table, {"target": "disease", "target_head": head}


def test_power_where_directions_are_shared():
    assert (rejection_rates(with_shared_directions, 25) > 0.8).all()


def shortcut(seed, n=150, d=12, **options):
    """A trained head, and a scanner that the target predicts."""
    data = make_shortcut(n, d, random_state=seed, **options)
    settings = {"target": "target", "target_head": data.head}
    return data.data, data.metadata, settings | {"columns": ["scanner", "age"]}


@pytest.mark.slow
def test_size_of_permutations_within_the_target():
    """Column and target are associated, but the embeddings know the target only."""
    rates = rejection_rates(
        lambda seed: shortcut(seed, association=0.5, use=0.0, encoding=0.0),
        200,
        adjust_for_target=True,
    )
    assert_right_size(rates, 200)


@pytest.mark.slow
def test_plain_permutations_raise_a_false_alarm_where_the_target_predicts_the_column():
    """Documented: the probe points along the target although the head is blind."""
    # In few dimensions random directions align too, which hides the alarm.
    rates = rejection_rates(
        lambda seed: shortcut(seed, 400, 48, association=0.8, use=0.0, encoding=1.0),
        40,
    )
    assert rates["scanner"] > 0.5
    # The unrelated column beside it raises none: the association is the cause.
    assert rates["age"] < 0.25


@pytest.mark.slow
def test_balanced_fits_raise_no_false_alarm_for_an_encoded_but_unused_column():
    rates = rejection_rates(
        lambda seed: shortcut(seed, association=0.5, use=0.0, encoding=1.0),
        100,
        adjust_for_target=True,
    )
    highest = stats.binom.ppf(0.9995, 100, LEVEL) / 100
    assert (rates <= highest).all(), rates


def test_balanced_fits_find_a_column_that_is_used():
    rates = rejection_rates(
        lambda seed: shortcut(seed, association=0.5, use=1.0, encoding=2.0),
        25,
        adjust_for_target=True,
    )
    assert rates["scanner"] > 0.8


def unrelated_heads(seed, shared=0.0):
    """Two trained metadata heads beside a trained primary one, all at random."""
    X, table, rng = unrelated(seed, d=15)
    primary = rng.standard_normal((3, 15))
    heads = {
        "camera": 50.0 * rng.standard_normal((1, 15)) + 50.0 * shared * primary[0],
        "clinic": 0.1 * rng.standard_normal((4, 15)) + 0.1 * shared * primary[1],
    }
    settings = {
        "target_head": primary,
        "heads": heads,
        "columns": ["camera", "clinic"],
        "null": "sign_flip",
    }
    return X, table, settings


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["weight", "score", "pattern"])
def test_size_of_sign_flips_for_unrelated_heads(metric):
    assert_right_size(rejection_rates(unrelated_heads, 300, metric=metric), 300)


def test_power_of_sign_flips_for_heads_that_share_a_direction():
    rates = rejection_rates(lambda seed: unrelated_heads(seed, shared=4.0), 25)
    assert rates["camera"] > 0.8
