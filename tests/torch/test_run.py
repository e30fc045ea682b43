"""A model that runs over a loader: forms of a batch, rows, and arguments."""

from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_wsca._backend.memory import MemoryShortageError  # noqa: E402
from sklearn_wsca.torch import extract_embeddings, head_from_module  # noqa: E402
from tests.torch_networks import (  # noqa: E402
    assert_same_outputs,
    make_loader,
    make_mlp,
    make_vectors,
    reference_run,
)

nn = torch.nn


def test_tokens_that_are_rows_of_their_own_are_refused():
    model = nn.Sequential(nn.Flatten(0, 1), nn.Linear(6, 8), nn.Unflatten(0, (-1, 5)))
    tokens = make_vectors(n=50).reshape(10, 5, 6)
    with pytest.raises(ValueError, match="gives 50 rows for the 10 of batch 0"):
        extract_embeddings(model, [tokens], "0")


class ByName(nn.Module):
    """Takes keyword arguments only, and gives a dict."""

    def __init__(self):
        super().__init__()
        self.network = make_mlp()

    def forward(self, *, rows, offset):
        return OrderedDict(logits=self.network(rows + offset), unused=None)


def test_dicts_are_passed_as_keyword_arguments():
    model, rows = ByName(), make_vectors()
    batches = [{"rows": part, "offset": 1.0} for part in rows.split(16)]
    embeddings, outputs = extract_embeddings(model, batches, return_outputs=True)
    expected = reference_run(model.network, rows + 1)
    assert_same_outputs(outputs, expected)
    assert_same_outputs(head_from_module(model).outputs(embeddings), expected)


@pytest.mark.parametrize(
    ("pack", "settings"),
    [
        (lambda rows: (rows, torch.zeros(len(rows))), {}),
        (lambda rows: [rows], {}),
        (lambda rows: ("id", rows), {"key": 1}),
        (lambda rows: {"image": rows, "id": "a"}, {"key": "image"}),
        (lambda rows: {"id": [1], "image": rows}, {"prepare": lambda b: b["image"]}),
        (lambda rows: rows.numpy(), {"prepare": torch.from_numpy}),
        (lambda rows: ((rows,), "label"), {}),
        (lambda rows: {"x": rows}, {"prepare": lambda b: {"input": b["x"]}}),
    ],
)
def test_forms_of_a_batch(pack, settings):
    model, rows = make_mlp(), make_vectors()
    batches = [pack(part) for part in rows.split(16)]
    embeddings = extract_embeddings(model, batches, **settings)
    expected = extract_embeddings(model, make_loader(rows))
    np.testing.assert_array_equal(embeddings, expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"side": "both"}, "side: found 'both'"),
        ({"prepare": len, "key": 0}, "prepare and key"),
    ],
)
def test_arguments_that_cannot_be_used(settings, message):
    with pytest.raises(ValueError, match=message):
        extract_embeddings(make_mlp(), make_loader(make_vectors()), **settings)


def test_batch_that_does_not_fit_is_named():
    class Narrow(torch.nn.Module):
        def forward(self, rows):
            if len(rows) > 20:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried 2 GiB")
            return rows

    model = torch.nn.Sequential(Narrow(), torch.nn.Linear(3, 2))
    small, large = torch.ones(20, 3), torch.ones(21, 3)
    message = r"^loader, batch 1: memory .* \(CUDA out of memory.*batch_size of "
    with pytest.raises(MemoryShortageError, match=message):
        extract_embeddings(model, [small, large])
    assert extract_embeddings(model, [small, small]).shape == (40, 3)
