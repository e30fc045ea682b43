"""Errors of a head after erasures: by blocks, with ties, by the shorter product."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from sklearn_wsca._erasure import trial
from sklearn_wsca._input.column import Column
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
from tests.erasure.test_erasure import make_column, make_embeddings


@pytest.mark.parametrize(("head_kind", "n_rows"), HEADS)
@pytest.mark.parametrize("numbers", [1, 40, 300])
def test_blocks_of_draws_and_rows(monkeypatch, numbers, head_kind, n_rows):
    T, _, column, options = settings()
    of_target = "continuous" if head_kind == "number" else "categorical"
    target = make_column(9, of_target, missing=3, n_levels=max(n_rows, 2))
    options |= {"target": target}
    head = make_head(head_kind, n_rows)
    expected = quick(T, head, column, **options)
    monkeypatch.setattr(trial, "NUMBERS_PER_BLOCK", numbers)
    monkeypatch.setattr(trial, "FEWEST_ROWS_PER_BLOCK", 7)
    found = quick(T, head, column, **options)
    assert len(expected.losses) > 1
    for name, loss in expected.losses.items():
        assert found.losses[name] == pytest.approx(loss, rel=1e-10)


def test_the_first_of_equal_classes_is_predicted():
    T, head, column, _ = settings()
    head = replace(head, coef=head.coef[[0, 0, 1]], intercept=np.zeros(3))
    labels = np.random.default_rng(0).integers(0, 3, N)
    target = Column("target", "categorical", np.arange(N), labels, (0, 1, 2))
    erased = erase_slowly(T, column, [], make_folds(0), np.ones(N), 0.1)
    predicted = [(own @ head.centred_coef.T).argmax(1) for own in (T, erased)]
    assert [set(own) for own in predicted] == [{0, 2}, {0, 2}]
    before, after = (balanced_accuracy_score(labels, own) for own in predicted)
    found = quick(T, head, column, target=target, shrinkage=0.1)
    loss = found.losses["balanced_accuracy_drop"]
    assert loss.erased == pytest.approx(before - after) and before != after


def test_many_levels_take_the_shorter_product():
    T = coordinates(make_embeddings(0))
    column = make_column(1, n_levels=6)
    head = make_head("number", 1)
    found = quick(T, head, column, shrinkage=0.1)
    assert found.rank == 5
    erased = erase_slowly(T, column, [], make_folds(0), np.ones(N), 0.1)
    change = (erased - T) @ head.coef[0]
    expected = np.sqrt(np.mean(change**2) / np.var(T @ head.coef[0]))
    assert found.losses["output_change"].erased == pytest.approx(expected)


def test_outputs_that_do_not_vary():
    T = coordinates(make_embeddings(0))
    head = replace(make_head(), coef=np.ones((3, K)))
    loss = quick(T, head, make_column(1)).losses["output_change"]
    assert (loss.erased, loss.random, loss.pvalue) == (0.0, 0.0, 1.0)
