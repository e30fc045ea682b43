"""The nulls of the alignment: size and power of the p-values that they give."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._alignment.inference import infer_alignment
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca.datasets import make_shortcut
from tests.prepared_studies import Runner, compare_study, make_testing
from tests.reference import centre_classes, cosine

PERMUTATIONS = 39
LEVEL = 0.05


def estimator_pvalues(draw, seed, **options):
    """p-values of a simulated study by the whole analysis."""
    X, table, settings = draw(seed)
    model = WeightSpaceCorrelation(
        n_permutations=PERMUTATIONS,
        random_state=seed,
        diagnostics=False,
        # 39 permutations cannot survive correction for several columns: not tested.
        significance=0.5,
        # Heads at random know nothing of the target.
        check_head=False,
        **(settings | options),
    )
    return model.fit(X, table).pvalues_


def pvalues(draw, seed, null="permutation", **options):
    """The same by the steps that the alignment needs, in a fraction of the time."""
    X, table, settings = draw(seed)
    settings = {"target": None, "null": null} | settings | options
    null = settings.pop("null")
    _, tasks, rows, comparison = compare_study(X, table, **settings)
    drawn = np.random.RandomState(seed).randint(np.iinfo(np.int32).max)
    testing = make_testing(rows, PERMUTATIONS, drawn)
    found = infer_alignment(tasks, rows, comparison, null, testing, Runner(rows))
    return found.tests.pvalues


def rejection_rates(draw, n_studies, **options):
    """Share of simulated studies whose alignment p-value is at most the level."""
    found = [pvalues(draw, seed, **options) <= LEVEL for seed in range(n_studies)]
    return pd.DataFrame(found).mean()


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
        lambda seed: shortcut(seed, 400, 48, association=0.8, use=0.0, encoding=1.0), 40
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


# What the rates above are rates of.
STUDIES = {
    "trained head": (with_trained_head, {"metric": "score"}),
    "fitted head": (with_fitted_head, {}),
    "shared directions": (with_shared_directions, {}),
    "target predicts": (lambda seed: shortcut(seed, association=0.8), {}),
    "balanced": (
        lambda seed: shortcut(seed, association=0.5, use=1.0, encoding=2.0),
        {"adjust_for_target": True},
    ),
    "sign flips": (unrelated_heads, {"metric": "pattern"}),
}


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("seed", range(2))
def test_what_is_counted_is_the_pvalue_of_the_package(name, seed):
    draw, options = STUDIES[name]
    expected = estimator_pvalues(draw, seed, **options)
    pd.testing.assert_series_equal(
        pvalues(draw, seed, **options), expected, check_names=False
    )


def test_sign_flips_are_those_of_a_loop_over_principal_coordinates():
    X, table, settings = unrelated_heads(0, shared=1.0)
    model = WeightSpaceCorrelation(n_permutations=29, random_state=3, **settings)
    model.set_params(significance=0.5).fit(X, table)
    seed = np.random.RandomState(3).randint(np.iinfo(np.int32).max)
    primary, own = (
        centre_classes(weights, "logistic") @ model.components_.T
        for weights in (settings["target_head"], settings["heads"]["camera"])
    )
    signs = PermutationPlan(seed, 29, len(X)).signs(range(29), primary.shape[1])
    expected = [
        np.sqrt(np.mean([[cosine(a * s, m) ** 2 for m in own] for a in primary]))
        for s in signs
    ]
    np.testing.assert_allclose(model.null_distribution_["camera"], expected, atol=1e-9)
    assert np.ptp(expected) > 0.05
