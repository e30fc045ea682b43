"""The scores of a class, in the first and in further runs of a batch."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_wsca.torch._scores import ScoreReader  # noqa: E402

FIRST = torch.tensor([[1.0, 5.0, 2.0], [7.0, 0.0, 3.0]])
SECOND = torch.tensor([[9.0, 1.0, 2.0], [0.0, 1.0, 8.0]])


@pytest.mark.parametrize(
    ("target", "first", "second"),
    [(None, [5, 7], [1, 0]), (2, [2, 3], [2, 8]), ([0, 1], [1, 0], [9, 1])],
)
def test_a_further_run_reads_the_same_classes(target, first, second):
    """Not those that it predicts itself; only the first run is kept."""
    with ScoreReader(torch.nn.Identity(), lambda output: output, target) as reader:
        assert reader.read(FIRST).tolist() == first
        assert reader.read_again(SECOND).tolist() == second
        reader.keep(0)
    np.testing.assert_array_equal(reader.scores.finish(), FIRST)
