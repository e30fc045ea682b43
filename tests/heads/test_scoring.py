"""Held-out skill of the heads: `score` against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import d2_log_loss_score, log_loss, r2_score

from sklearn_wsca import Head, WeightSpaceCorrelation

D = 6
LEVELS = ["north", "south", "west"]


def make_data(n, seed):
    """Embeddings and metadata that they encode: levels, a flag and a number."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, D))
    noise = generator.normal(size=(n, 3))
    site = np.digitize(X[:, 0] + 0.4 * noise[:, 0], [-0.7, 0.4])
    table = pd.DataFrame(
        {
            "site": np.array(LEVELS)[site],
            "smoker": X[:, 1] + noise[:, 1] > 0.5,
            "age": 60 + 9 * X[:, 2] + 3 * noise[:, 2],
        }
    )
    return X, table


X, TABLE = make_data(120, 0)
NEW_X, NEW_TABLE = make_data(80, 1)
WEIGHTS = np.random.default_rng(2).integers(0, 4, size=80).astype(float)


def fit(**parameters):
    defaults = {"n_permutations": 0, "random_state": 0}
    return WeightSpaceCorrelation(**defaults | parameters).fit(X, TABLE)


def probabilities(head, embeddings):
    scores = head.outputs(embeddings)
    if scores.shape[1] == 1:
        scores = np.hstack([np.zeros_like(scores), scores])
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def skill_of_levels(fitted, name, rows=slice(None), weights=None):
    """1 - log-loss / log-loss of the training frequencies, from scikit-learn."""
    head, truth = fitted.heads_[name], NEW_TABLE[name][rows]
    classes = list(head.classes)
    frequency = TABLE[name].value_counts(normalize=True)[classes].to_numpy()
    constant = np.tile(frequency, (len(truth), 1))
    options = {"sample_weight": weights, "labels": classes}
    loss = log_loss(truth, probabilities(head, NEW_X[rows]), **options)
    return 1 - loss / log_loss(truth, constant, **options)


def skill_of_numbers(fitted, name, rows=slice(None), weights=None):
    """1 - squared error / squared error of the training mean."""
    truth = NEW_TABLE[name].to_numpy()[rows]
    predicted = fitted.heads_[name].outputs(NEW_X[rows])[:, 0]
    weights = np.ones(len(truth)) if weights is None else weights
    loss = weights @ (truth - predicted) ** 2
    return 1 - loss / (weights @ (truth - TABLE[name].mean()) ** 2)


def skill(fitted, name, rows=slice(None), weights=None):
    of = skill_of_numbers if name == "age" else skill_of_levels
    return of(fitted, name, rows, weights)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", list(TABLE))
def test_score_of_one_column(name, weights):
    fitted = fit(columns=[name])
    found = fitted.score(NEW_X, NEW_TABLE, sample_weight=weights)
    assert isinstance(found, float)
    assert found == pytest.approx(skill(fitted, name, weights=weights))
    assert 0.05 < found < 1


@pytest.mark.parametrize("name", list(TABLE))
def test_score_on_the_rows_of_fit_is_d2_or_r2(name):
    # There the baseline is the one of scikit-learn, which takes it from its input.
    fitted = fit(columns=[name])
    head = fitted.heads_[name]
    if name == "age":
        expected = r2_score(TABLE[name], head.outputs(X)[:, 0])
    else:
        expected = d2_log_loss_score(
            TABLE[name], probabilities(head, X), labels=list(head.classes)
        )
    assert fitted.score(X, TABLE) == pytest.approx(expected)


def test_score_is_the_mean_over_columns():
    fitted = fit()
    expected = np.mean([skill(fitted, name) for name in TABLE])
    assert fitted.score(NEW_X, NEW_TABLE) == pytest.approx(expected)
    assert np.isfinite(fitted.score(NEW_X[:1], NEW_TABLE[:1]))


def test_target_is_not_scored():
    with_target = fit(target="smoker").score(NEW_X, NEW_TABLE.drop(columns="smoker"))
    assert with_target == pytest.approx(
        fit(columns=["site", "age"]).score(NEW_X, NEW_TABLE)
    )


def test_order_and_extra_columns_are_irrelevant():
    fitted = fit()
    table = NEW_TABLE[["age", "smoker", "site"]].assign(extra="unused")
    assert fitted.score(NEW_X, table) == pytest.approx(fitted.score(NEW_X, NEW_TABLE))


def test_ridge_indicators_of_levels():
    fitted = fit(columns=["site"], heads="ridge")
    indicators = np.stack([NEW_TABLE["site"] == level for level in LEVELS], axis=1)
    frequency = np.array([(TABLE["site"] == level).mean() for level in LEVELS])
    outputs = fitted.heads_["site"].outputs(NEW_X)
    loss = np.sum((indicators - outputs) ** 2)
    expected = 1 - loss / np.sum((indicators - frequency) ** 2)
    assert fitted.score(NEW_X, NEW_TABLE) == pytest.approx(expected)


def test_bins_are_scored_as_levels():
    fitted = fit(columns=["age"], n_bins=3)
    head = fitted.heads_["age"]
    truth = pd.cut(NEW_TABLE["age"], pd.IntervalIndex(head.classes)).cat.codes
    counts = pd.cut(TABLE["age"], pd.IntervalIndex(head.classes)).value_counts(
        sort=False
    )
    constant = np.tile(counts.to_numpy() / counts.sum(), (len(truth), 1))
    labels = [0, 1, 2]
    loss = log_loss(truth, probabilities(head, NEW_X), labels=labels)
    expected = 1 - loss / log_loss(truth, constant, labels=labels)
    assert fitted.score(NEW_X, NEW_TABLE) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["site", "smoker", "age"])
def test_no_information_scores_zero(name):
    scores = []
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(len(TABLE))
        # The strong penalty is what a search would choose here.
        estimator = WeightSpaceCorrelation(
            columns=[name], n_permutations=0, C=1e-3, alpha=1e3
        )
        permuted = TABLE.iloc[order].reset_index(drop=True)
        scores.append(estimator.fit(X, permuted).score(NEW_X, NEW_TABLE))
    assert abs(np.mean(scores)) < 0.03
    assert np.max(np.abs(scores)) < 0.1


def test_constant_head_scores_exactly_zero():
    frequency = TABLE["site"].value_counts(normalize=True)[LEVELS].to_numpy()
    # Weights that do not matter, since a head without direction is refused.
    head = Head(np.eye(3, D) * 1e-12, np.log(frequency), tuple(LEVELS), "logistic")
    fitted = fit(columns=["site"], heads={"site": head})
    assert fitted.score(NEW_X, NEW_TABLE) == pytest.approx(0, abs=1e-9)


def test_wrong_head_scores_below_zero():
    fitted = fit(columns=["age"], heads={"age": (-np.eye(1, D, 2)[0], 60.0)})
    assert fitted.score(NEW_X, NEW_TABLE) < -0.1


def test_unseen_levels_are_skipped_with_a_warning():
    fitted = fit(columns=["site"])
    table = NEW_TABLE.copy()
    table.loc[:9, "site"] = "elsewhere"
    known = np.arange(80) > 9
    with pytest.warns(UserWarning, match=r"column 'site': 10 rows hold levels that"):
        found = fitted.score(NEW_X, table)
    assert found == pytest.approx(skill_of_levels(fitted, "site", known))


def test_warning_points_at_the_caller():
    table = NEW_TABLE.assign(site="elsewhere")
    with pytest.warns(UserWarning, match="80 rows hold levels") as caught:
        fit().score(NEW_X, table)
    assert caught[0].filename == __file__


def test_rare_levels_of_fit_are_unseen():
    table = TABLE.copy()
    table.loc[:1, "site"] = "rare"
    estimator = WeightSpaceCorrelation(columns=["site"], n_permutations=0)
    fitted = estimator.fit(X, table)
    with pytest.warns(UserWarning, match="2 rows hold levels that fit did not use"):
        fitted.score(X, table)


@pytest.mark.parametrize("name", ["site", "age"])
def test_missing_values_are_skipped(name):
    fitted = fit(columns=[name])
    known = np.arange(80) % 5 > 0
    table = NEW_TABLE.copy()
    table[name] = table[name].where(known)
    expected = skill(fitted, name, known, WEIGHTS[known])
    assert fitted.score(NEW_X, table, WEIGHTS) == pytest.approx(expected)


def test_column_without_a_usable_row_does_not_count():
    fitted = fit()
    table = NEW_TABLE.assign(age=np.nan)
    expected = fit(columns=["site", "smoker"]).score(NEW_X, NEW_TABLE)
    assert fitted.score(NEW_X, table) == pytest.approx(expected)


def test_no_usable_row_at_all_is_an_error():
    with pytest.raises(ValueError, match="score: no metadata head can be scored"):
        fit(columns=["age"]).score(NEW_X, NEW_TABLE.assign(age=np.nan))


def test_new_numbers_may_not_vary():
    # R2 of scikit-learn has no meaning there; against the training mean it has.
    fitted = fit(columns=["age"])
    table = NEW_TABLE.assign(age=75.0)
    predicted = fitted.heads_["age"].outputs(NEW_X)[:, 0]
    loss = np.mean((75 - predicted) ** 2)
    expected = 1 - loss / (75 - TABLE["age"].mean()) ** 2
    assert fitted.score(NEW_X, table) == pytest.approx(expected)


class TestTrainedHeads:
    """Trained heads count where their rows are the levels of the column."""

    @pytest.mark.parametrize("name", list(TABLE))
    def test_fitted_estimator(self, name):
        source = LinearRegression() if name == "age" else LogisticRegression()
        source.fit(X, TABLE[name])
        fitted = fit(columns=[name], heads={name: source})
        if name == "age":
            predicted = source.predict(NEW_X)
            np.testing.assert_allclose(
                fitted.heads_[name].outputs(NEW_X)[:, 0], predicted
            )
        else:
            found = probabilities(fitted.heads_[name], NEW_X)
            np.testing.assert_allclose(found, source.predict_proba(NEW_X))
        expected = skill(fitted, name)
        assert fitted.score(NEW_X, NEW_TABLE) == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("name", "rows", "classes"),
        [
            # An array takes the levels in order.
            ("site", [0, 1, 2], None),
            ("site", [2, 0, 1], ("west", "north", "south")),
            # One row for the other class.
            ("smoker", None, (True, False)),
        ],
    )
    def test_rows_in_another_form(self, name, rows, classes):
        source = LogisticRegression().fit(X, TABLE[name])
        coef, intercept = source.coef_, source.intercept_
        if rows is None:
            coef, intercept = -coef, -intercept
        else:
            coef, intercept = coef[rows], intercept[rows]
        head = (coef, intercept)
        if classes is not None:
            head = Head(*head, classes, "logistic")
        found = fit(columns=[name], heads={name: head})
        expected = fit(columns=[name], heads={name: source}).score(NEW_X, NEW_TABLE)
        assert found.score(NEW_X, NEW_TABLE) == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("name", "head"),
        [
            ("site", Head(np.eye(2, D), np.zeros(2), ("old", "new"), "logistic")),
            ("scanner", np.eye(2, D)),
        ],
        ids=["of other classes", "without a column"],
    )
    def test_head_that_cannot_predict_does_not_count(self, name, head):
        fitted = fit(columns=["age", name], heads={name: head})
        expected = fit(columns=["age"]).score(NEW_X, NEW_TABLE)
        assert fitted.score(NEW_X, NEW_TABLE) == pytest.approx(expected)

    def test_ridge_head_of_levels_is_scored_by_squares(self):
        indicators = np.stack([TABLE["site"] == level for level in LEVELS], axis=1)
        source = Ridge().fit(X, indicators * 1.0)
        head = Head(source.coef_, source.intercept_, tuple(LEVELS), "ridge")
        fitted = fit(columns=["site"], heads={"site": head})
        truth = np.stack([NEW_TABLE["site"] == level for level in LEVELS], axis=1)
        loss = np.sum((truth - source.predict(NEW_X)) ** 2)
        chance = np.sum((truth - indicators.mean(axis=0)) ** 2)
        assert fitted.score(NEW_X, NEW_TABLE) == pytest.approx(1 - loss / chance)

    def test_only_heads_that_do_not_count_is_an_error(self):
        head = Head(np.eye(2, D), np.zeros(2), ("old", "new"), "logistic")
        with pytest.raises(ValueError, match="need the levels of their columns"):
            fit(columns=["site"], heads={"site": head}).score(NEW_X, NEW_TABLE)


@pytest.mark.parametrize(
    ("name", "source"), [("site", LogisticRegression(C=0.3)), ("age", Ridge(alpha=3.0))]
)
def test_probe_by_an_estimator(name, source):
    fitted = fit(columns=[name], heads={name: source}, min_components=D)
    # The estimator is fitted on the embeddings divided by one number.
    scaled = source.fit(X / fitted.scale_, TABLE[name])
    outputs = fitted.heads_[name].outputs(NEW_X)
    if name == "age":
        np.testing.assert_allclose(
            outputs[:, 0], scaled.predict(NEW_X / fitted.scale_), rtol=1e-6
        )
    else:
        np.testing.assert_allclose(
            probabilities(fitted.heads_[name], NEW_X),
            scaled.predict_proba(NEW_X / fitted.scale_),
            atol=1e-3,
        )
    assert fitted.score(NEW_X, NEW_TABLE) == pytest.approx(skill(fitted, name))


def test_classes_are_not_scored_by_one_row_that_is_no_log_odds():
    """A least-squares classifier of two classes has such a row, and no probability."""
    row = np.array([[0.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    fitted = {
        kind: fit(
            columns=["smoker"],
            heads={"smoker": Head(3.0 * row, np.array([-1.5]), (False, True), kind)},
        )
        for kind in ("logistic", "ridge")
    }
    assert fitted["logistic"].score(NEW_X, NEW_TABLE) > 0.1
    with pytest.raises(ValueError, match="no metadata head can be scored"):
        fitted["ridge"].score(NEW_X, NEW_TABLE)
