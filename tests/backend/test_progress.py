"""Steps, as whoever watches is told of them."""

import numpy as np
import pytest

from sklearn_wsca._backend.progress import count_rows, step, tell, watch_progress
from sklearn_wsca._input.embeddings import Embeddings, rows_per_read


def watched(work):
    told = []
    with watch_progress(lambda *what: told.append(what)):
        work()
    return told


def test_a_step_tells_its_begin_and_its_end():
    def work():
        with step("report"):
            tell("inner", 1, 2)

    first, inner, last = watched(work)
    assert inner == ("inner", 1, 2)
    assert first == ("report", 0, first[2]) and last == ("report", last[2], last[2])


def test_a_step_that_fails_has_no_end():
    def work():
        with pytest.raises(ValueError, match="x"), step("report"):
            raise ValueError("x")

    assert [done for _, done, _ in watched(work)] == [0]


@pytest.mark.parametrize("n_read", [1, 2, 3])
def test_passes_over_the_rows_are_told(n_read):
    """Three blocks each; a pass more than was announced does not go beyond the end."""
    X = Embeddings(np.ones((3 * rows_per_read(3), 3)))

    def work():
        with step("subspace", n_passes=2):
            for _ in range(n_read):
                assert len(list(X.blocks())) == 3

    told = watched(work)
    shares = [done / total for _, done, total in told]
    assert shares == sorted(set(shares)) and shares[-1] == 1.0
    assert shares[-2] == pytest.approx(min(n_read / 2, 1.0), abs=0.01)
    # The last block of the second pass is all but the end.
    assert len(told) == 2 + 3 * min(n_read, 2)


def test_rows_outside_of_a_step_are_not_counted():
    assert watched(lambda: count_rows(0.5)) == []


def test_nobody_need_watch():
    with step("subspace", n_passes=1):
        count_rows(0.5)
    tell("subspace", 1, 2)
