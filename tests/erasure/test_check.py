"""The erasure cross-check, against explicit erasure; when it fires and when not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.metrics import balanced_accuracy_score, log_loss, r2_score

from sklearn_wsca import Head, WeightSpaceCorrelation
from sklearn_wsca._erasure import check as check_module
from sklearn_wsca._erasure.check import check_erasure, whitening
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca.datasets import make_shortcut
from tests.erasure.checks import (
    HEADS,
    K,
    N,
    coordinates,
    erase_slowly,
    make_folds,
    make_head,
    quick,
    settings,
)
from tests.erasure.test_erasure import (
    make_column,
    make_embeddings,
    make_weights,
)
from tests.erasure.test_erasure import weighted_covariance as covariance


def measure(outputs, target, weights, kind):
    """Scores by scikit-learn, higher is better."""
    if kind == "number":
        return {"r2_drop": r2_score(target, outputs[:, 0], sample_weight=weights)}
    if outputs.shape[1] == 1:
        outputs = np.hstack([np.zeros_like(outputs), outputs])
    right = balanced_accuracy_score(target, outputs.argmax(1), sample_weight=weights)
    scores = {"balanced_accuracy_drop": right}
    if kind == "logistic":
        probability = special.softmax(outputs, axis=1)
        loss = log_loss(target, probability, sample_weight=weights)
        scores["log_loss_rise"] = -loss
    return scores


class TestAgainstExplicitErasure:
    @pytest.mark.parametrize("kind", ["categorical", "continuous"])
    @pytest.mark.parametrize("held", [[], [make_column(3), make_column(4, missing=7)]])
    @pytest.mark.parametrize(("head_kind", "n_rows"), HEADS)
    def test_losses(self, head_kind, n_rows, held, kind):
        T, weights = coordinates(make_embeddings(0)), make_weights(0) + 0.1
        column = make_column(1, kind, missing=5, n_levels=4)
        of_target = "continuous" if head_kind == "number" else "categorical"
        target = make_column(9, of_target, missing=3, n_levels=max(n_rows, 2))
        head, fold = make_head(head_kind, n_rows), make_folds(0)
        found = quick(
            T, head, column, weights=weights, held=held, target=target, shrinkage=0.2
        )
        erased = erase_slowly(T, column, held, fold, weights, 0.2)
        before, after = (head.outputs(rows) for rows in (T, erased))
        rows = target.rows
        scores = [
            measure(outputs[rows], target.labels, weights[rows], head_kind)
            for outputs in (before, after)
        ]
        expected = {name: scores[0][name] - scores[1][name] for name in scores[0]}
        if head_kind == "logistic" and n_rows > 1:
            before, after = (o - o.mean(axis=1, keepdims=True) for o in (before, after))
        squares = np.average(np.sum((after - before) ** 2, axis=1), weights=weights)
        total = np.trace(covariance(before, before, weights))
        expected["output_change"] = np.sqrt(squares / total)
        assert expected["output_change"] > 0.05
        assert set(found.losses) == set(expected)
        for name, loss in found.losses.items():
            assert loss.erased == pytest.approx(expected[name], rel=1e-7), name

    def test_automatic_shrinkage_is_that_of_all_rows(self):
        T = coordinates(make_embeddings(0))
        column, head = make_column(1), make_head()
        shrinkage = ledoit_wolf_shrinkage(T)
        assert 0.01 < shrinkage < 0.99
        found = quick(T, head, column)
        expected = quick(T, head, column, shrinkage=shrinkage)
        assert (found.rank, found.losses.keys()) == (
            expected.rank,
            expected.losses.keys(),
        )
        for name, loss in expected.losses.items():
            np.testing.assert_allclose(found.losses[name], loss, rtol=1e-12)


class TestSameAnswer:
    def test_seed(self):
        T, head, column, options = settings()
        first = quick(T, head, column, **options)
        assert first == quick(T, head, column, **options)
        other = check_erasure(
            T,
            head,
            column,
            make_folds(0),
            np.ones(N),
            whitening(T, np.ones(N)),
            np.random.default_rng(1),
            n_random=19,
            **options,
        )
        for name, loss in first.losses.items():
            assert loss.erased == other.losses[name].erased
            assert loss.random != other.losses[name].random

    @pytest.mark.parametrize("size", [1, 3 * N * 4])
    def test_batches(self, monkeypatch, size):
        T, head, column, options = settings()
        expected = quick(T, head, column, **options)
        monkeypatch.setattr(check_module, "NUMBERS_PER_BATCH", size)
        found = quick(T, head, column, **options)
        for name, loss in expected.losses.items():
            assert found.losses[name].random == pytest.approx(loss.random, rel=1e-5)
            assert found.losses[name].pvalue == loss.pvalue

    def test_rotation_signs_and_names(self):
        """The draws belong to the rows, so that the p-values do not change either."""
        X, column, options = make_embeddings(0), make_column(1), {}
        head = make_head()
        expected = quick(*coordinates(X, head), column, **options)
        rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((K, K)))[0]
        turned = replace(head, coef=head.coef @ rotation)
        renamed = replace(column, labels=(column.labels + 1) % 3)
        shared = replace(turned, coef=turned.coef + 7.0 * rotation[0])
        for other in (turned, shared):
            found = quick(*coordinates(X @ rotation, other), renamed)
            for name, loss in expected.losses.items():
                assert found.losses[name].erased == pytest.approx(loss.erased)
                assert found.losses[name].random == pytest.approx(loss.random, rel=1e-5)
                assert found.losses[name].pvalue == loss.pvalue

    def test_single_precision(self):
        T, head, column, options = settings()
        expected = quick(T, head, column, **options)
        found = quick(T.astype(np.float32), head, column, **options)
        for name, loss in expected.losses.items():
            assert found.losses[name].erased == pytest.approx(loss.erased, abs=1e-5)
            assert found.losses[name].random == pytest.approx(loss.random, abs=1e-5)


class TestGaps:
    def test_a_level_that_is_absent_from_training_rows(self):
        T, fold = coordinates(make_embeddings(0)), make_folds(0)
        column = make_column(1)
        labels = column.labels % 2
        labels[np.flatnonzero(fold == 0)[:4]] = 2
        column = replace(column, labels=labels)
        found = quick(T, make_head(), column)
        assert found.rank == 2
        assert 0 < found.losses["output_change"].erased < np.inf

    def test_a_column_that_is_known_in_one_fold_only(self):
        T, fold = coordinates(make_embeddings(0)), make_folds(0)
        rows = np.flatnonzero(fold == 1)
        column = Column("c", "categorical", rows, np.arange(len(rows)) % 2, (0, 1))
        found = quick(T, make_head(), column)
        assert found.rank == 1
        assert found.losses["output_change"].erased > 0

    def test_nothing_to_erase(self):
        T, target = coordinates(make_embeddings(0)), make_column(9)
        found = quick(T, make_head(), target, held=[target], target=target)
        assert found.rank == 0
        for loss in found.losses.values():
            assert (loss.erased, loss.pvalue) == (0.0, 1.0)
            assert loss.random == pytest.approx(0.0)

    def test_a_single_fold(self):
        T = coordinates(make_embeddings(0))
        with pytest.raises(ValueError, match="1 test fold, so nothing is left to fit"):
            quick(T, make_head(), make_column(1), fold=np.zeros(N, dtype=int))


def shortcut_check(seed, column="scanner", held=True, n_random=39, **parameters):
    """Check of one column of synthetic data with features of unequal scale."""
    settings = {"n_samples": 400, "n_features": 24, "encoding": 1.5, "signal": 2.0}
    data = make_shortcut(**settings | parameters, random_state=seed)
    scales = np.geomspace(5.0, 0.2, data.data.shape[1])
    target = read_column(data.metadata["target"])
    coef, intercept = data.head
    head = Head(coef / scales, intercept, target.levels, "logistic")
    T, head = coordinates(data.data * scales, head)
    return quick(
        T,
        head,
        read_column(data.metadata[column]),
        seed,
        held=[target] if held else [],
        target=target,
        n_random=n_random,
    )


class TestPower:
    """It fires where the head uses the column, and where that is not so it does not."""

    @pytest.mark.parametrize("n_classes", [2, 4])
    @pytest.mark.parametrize("association", [0.0, 0.5])
    @pytest.mark.parametrize("seed", range(4))
    def test_used(self, seed, association, n_classes):
        found = shortcut_check(
            seed, use=1.0, association=association, n_classes=n_classes
        )
        loss = found.losses["output_change"]
        assert loss.pvalue == 1 / 40
        assert loss.erased > 1.5 * loss.random
        assert found.n_random == 39

    @pytest.mark.parametrize("n_classes", [2, 4])
    @pytest.mark.parametrize("association", [0.0, 0.8])
    @pytest.mark.parametrize("seed", range(4))
    def test_encoded_and_unused(self, seed, association, n_classes):
        found = shortcut_check(seed, association=association, n_classes=n_classes)
        loss = found.losses["output_change"]
        assert loss.pvalue > 0.1
        assert loss.erased < loss.random

    @pytest.mark.parametrize("seed", range(4))
    def test_the_target_must_be_held_fixed(self, seed):
        """A column that is associated with the target takes it along otherwise."""
        found = shortcut_check(seed, association=0.8, held=False)
        assert all(loss.pvalue == 1 / 40 for loss in found.losses.values())

    @pytest.mark.parametrize("seed", range(4))
    def test_a_shortcut_that_helps_costs_performance(self, seed):
        found = shortcut_check(
            seed, use=2.0, association=0.8, encoding=2.5, signal=1.0, n_samples=800
        )
        for name in ("balanced_accuracy_drop", "log_loss_rise"):
            assert found.losses[name].pvalue < 0.1, name
            assert found.losses[name].erased > 0.01

    def test_one_that_has_no_merit_is_no_loss(self):
        for seed in range(3):
            loss = shortcut_check(seed, use=1.0).losses["log_loss_rise"]
            assert loss.erased < 0 < loss.pvalue - 0.9

    @pytest.mark.parametrize("column", ["batch", "age"])
    def test_columns_that_are_not_encoded_are_as_noise(self, column):
        pvalues = pd.DataFrame(
            {
                name: loss.pvalue
                for name, loss in shortcut_check(
                    seed,
                    column,
                    n_samples=120,
                    n_features=30,
                    association=0.3,
                    n_random=19,
                ).losses.items()
            }
            for seed in range(100)
        )
        most = stats.binom.ppf(0.995, 100, 0.1)
        for name in pvalues:
            assert (pvalues[name] <= 0.1).sum() <= most, name
        # Ties make the p-values of a share of right predictions larger.
        for name in ("output_change", "log_loss_rise"):
            assert 0.4 < pvalues[name].mean() < 0.6, name


@pytest.mark.parametrize("seed", [2008, 2512])
def test_subspaces_that_take_all_cost_the_same(seed):
    """Of as many directions as there are coordinates, but for single precision."""
    n, d = {2008: (2000, 8), 2512: (2500, 12)}[seed]
    rng = np.random.default_rng(seed)
    X, target = rng.normal(size=(n, d)), rng.integers(0, 2, n)
    levels = np.array([f"level {i}" for i in range(15)])[rng.integers(0, 15, n)]
    table = pd.DataFrame({"target": np.where(target, "i", "h"), "site": levels})
    analysis = WeightSpaceCorrelation("target", n_permutations=0, random_state=0)
    found = analysis.fit(X, table).erasure_.loc["site"]
    assert found["rank"] == d
    assert (found.filter(like="_pvalue") == 1.0).all()
