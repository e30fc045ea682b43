"""Loaders whose rows are not those of a table are refused."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import (  # noqa: E402
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)
from torch.utils.data.distributed import DistributedSampler  # noqa: E402

from sklearn_wsca.torch import extract_embeddings, extract_feature_maps  # noqa: E402
from tests.torch_networks import make_loader, make_mlp, make_vectors  # noqa: E402

ROWS = make_vectors()


class Stream(IterableDataset):
    def __iter__(self):
        return iter(ROWS)


def distributed(**settings):
    return DistributedSampler(ROWS, rank=0, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"shuffle": True},
        {"sampler": RandomSampler(ROWS)},
        {"sampler": SubsetRandomSampler(range(50))},
        {"sampler": WeightedRandomSampler([1.0] * 50, 50)},
        {"batch_sampler": BatchSampler(RandomSampler(ROWS), 16, drop_last=False)},
        {"sampler": distributed(num_replicas=1, shuffle=True)},
        {"sampler": distributed(num_replicas=2, shuffle=False)},
    ],
)
@pytest.mark.parametrize("extract", [extract_embeddings, extract_feature_maps])
def test_permuted_rows_are_refused(extract, settings):
    with pytest.raises(ValueError, match=r"loader: it draws rows by a .*shuffle=False"):
        extract(make_mlp(), DataLoader(ROWS, **settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"sampler": SequentialSampler(ROWS), "batch_size": 16},
        {"sampler": range(50), "batch_size": 16},
        {"sampler": distributed(num_replicas=1, shuffle=False)},
        {"batch_sampler": BatchSampler(range(50), 16, drop_last=False)},
        {"batch_sampler": [list(range(20)), list(range(20, 50))]},
        {"batch_size": 25, "drop_last": True},
    ],
)
def test_rows_in_order_are_accepted(settings):
    embeddings = extract_embeddings(make_mlp(), DataLoader(ROWS, **settings))
    expected = extract_embeddings(make_mlp(), [ROWS])
    np.testing.assert_allclose(embeddings, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("loader", "lost"),
    [
        (make_loader(ROWS, drop_last=True), "2 of the rows"),
        (make_loader(Stream(), drop_last=True), "an unknown number"),
        (
            DataLoader(ROWS, batch_sampler=BatchSampler(range(50), 30, drop_last=True)),
            "20 of the rows",
        ),
    ],
)
def test_dropped_rows_are_refused(loader, lost):
    with pytest.raises(ValueError, match=f"drop_last=True leaves out {lost}"):
        extract_embeddings(make_mlp(), loader)


def test_a_stream_is_accepted():
    assert len(extract_embeddings(make_mlp(), make_loader(Stream()))) == 50


@pytest.mark.parametrize(
    "loader", [ROWS, ROWS.numpy(), TensorDataset(ROWS), "data", {"a": ROWS}, None, 3]
)
def test_what_is_no_loader(loader):
    with pytest.raises(TypeError, match=r"loader: found a .*iterable of batches"):
        extract_embeddings(make_mlp(), loader)


@pytest.mark.parametrize(
    ("batch", "settings", "error", "message"),
    [
        (ROWS.numpy(), {}, TypeError, "batch 1 gives the model a ndarray"),
        (["a.png", "b.png"], {}, TypeError, "batch 1 gives the model a str"),
        ([], {}, ValueError, "batch 1 has no entry 0, but 0 entries"),
        ((ROWS,), {"key": 1}, ValueError, "no entry 1, but 1 entries"),
        ({"x": ROWS}, {"key": 1}, ValueError, "no entry 1, but the keys 'x'"),
        (ROWS, {"key": 1}, ValueError, "no entry 1, but is a Tensor; name the model's"),
        (3.5, {"key": 1}, ValueError, "no entry 1, but is a float; name the model's"),
        ({"image": ROWS}, {"prepare": len}, TypeError, "gives the model a int"),
    ],
)
def test_a_batch_that_cannot_be_used_is_named(batch, settings, error, message):
    good = {"key": lambda: (ROWS, ROWS), "prepare": lambda: {"image": ROWS}}
    first = good.get(next(iter(settings), ""), lambda: ROWS)()
    if "prepare" in settings:
        settings = {"prepare": lambda b: 3 if b is batch else b["image"]}
    with pytest.raises(error, match=message):
        extract_embeddings(make_mlp(), [first, batch], **settings)


def test_containers_are_moved_and_cut_whatever_they_hold():
    """A model of graphs: inputs of unequal length cannot be cut to a few rows."""

    class OfGraphs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.head = torch.nn.Linear(6, 3)

        def forward(self, graph, scale):
            first, second = graph["edges"]
            nodes = graph["nodes"]
            return self.head(scale * nodes.index_add(0, first, nodes[second]))

    edges = torch.randint(50, (2, 80), generator=torch.Generator().manual_seed(0))
    model = OfGraphs()
    graph = {"edges": edges, "nodes": ROWS}
    embeddings = extract_embeddings(model, [((graph, 0.5), "label")])
    expected = 0.5 * ROWS.index_add(0, edges[0], ROWS[edges[1]])
    np.testing.assert_allclose(embeddings, expected.numpy(), rtol=1e-6)
