"""Accuracy without what maps mark: against loops, with maps that do and do not."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_wsca import IntegratedFeatureAnalysis, accuracy_after_masking

SHARES = (0.1, 0.3, 1.0)


def study(seed, n=120):
    """Feature maps whose classes are told at a place that differs by sample."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % 3)
    A = rng.gamma(2.0, 0.15, (n, 8, 6, 6))
    for i, k in enumerate(labels):
        row, column = rng.integers(0, 5, 2)
        A[i, k, row : row + 2, column : column + 2] += 2.0
    analysis = IntegratedFeatureAnalysis(np.eye(3, 8), n_permutations=0, random_state=0)
    return analysis.fit(A, labels), A, labels


def by_contributions(analysis):
    return lambda A: analysis.head_.outputs(A.mean(axis=(2, 3)))


def measure(analysis, A, labels, maps, **options):
    how = {"channels": "first", "baseline": 0.0, "shares": SHARES, "random_state": 0}
    predict = by_contributions(analysis)
    return accuracy_after_masking(maps, A, labels, predict, **how | options)


@pytest.mark.parametrize("seed", range(3))
def test_masked_contributions_are_those_of_a_loop(seed):
    analysis, A, labels = study(seed)
    maps = analysis.activation_maps(A, scale="raw")
    found = measure(analysis, A, labels, maps, n_random=1)
    assert found.index.tolist() == [0.0, *SHARES]
    for share in SHARES:
        left = A.copy()
        for one, values in zip(left, maps, strict=True):
            count = max(1, round(share * values.size))
            order = np.argsort(-values.ravel(), kind="stable")[:count]
            one.reshape(8, -1)[:, order] = 0.0
        decided = (left.mean(axis=(2, 3)) @ np.eye(3, 8).T).argmax(axis=1)
        by_class = [np.mean(decided[labels == k] == k) for k in range(3)]
        assert_allclose(found.loc[share, "accuracy"], np.mean(decided == labels))
        assert_allclose(found.loc[share, "balanced_accuracy"], np.mean(by_class))
    pooled = A.mean(axis=(2, 3))[:, :3]
    assert found.loc[0.0, "accuracy"] == np.mean(pooled.argmax(axis=1) == labels)
    assert found.loc[0.0, "accuracy"] == found.loc[0.0, "accuracy_random"]
    # With nothing left the first class is decided for, by map and by chance.
    assert found.loc[1.0, "balanced_accuracy"] == pytest.approx(1 / 3)
    assert found.loc[1.0, "balanced_accuracy_random"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("seed", range(5))
def test_maps_of_the_decision_take_it_away_and_maps_of_noise_do_not(seed):
    analysis, A, labels = study(seed)
    own = measure(analysis, A, labels, analysis.activation_maps(A))
    assert own.loc[0.0, "accuracy"] > 0.9
    assert own.loc[0.1, "accuracy"] < own.loc[0.1, "accuracy_random"] - 0.3
    noise = np.random.default_rng(seed + 10).random((len(A), 6, 6))
    other = measure(analysis, A, labels, noise)
    gap = other["accuracy"] - other["accuracy_random"]
    assert abs(gap).max() < 0.12 and abs(gap.mean()) < 0.05


def test_names_coarse_maps_and_images_of_one_channel():
    rng = np.random.default_rng(0)
    names, labels = ("dark", "bright"), np.arange(40) % 2
    images = rng.random((40, 8, 8))
    images[labels == 1, :4, :4] += 1.0

    def predict(images):
        corner = images[:, :4, :4].mean(axis=(1, 2))
        return np.stack([2.0 - corner, corner], axis=1)

    maps = np.zeros((40, 4, 4))
    maps[:, :2, :2] = 1.0
    found = accuracy_after_masking(
        maps,
        images,
        np.array(names)[labels],
        predict,
        names,
        shares=(0.25,),
        baseline=0.0,
        random_state=0,
    )
    assert found["accuracy"].tolist() == [1.0, 0.5]
    assert found.loc[0.25, "accuracy_random"] > 0.7


def test_through_a_network_of_torch():
    """Which sees a bright square of two by two pixels, wherever it is."""
    torch = pytest.importorskip("torch")
    from sklearn_wsca.torch import extract_activation_maps

    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 1, 2),
        torch.nn.ReLU(),
        torch.nn.AdaptiveMaxPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(1, 2),
    )
    with torch.no_grad():
        for values, tensor in zip(
            (1.0, -2.5, [[-1.0], [1.0]], [0.5, -0.5]), network.parameters(), strict=True
        ):
            tensor.copy_(torch.as_tensor(values).expand_as(tensor))
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = 0.5 * rng.random((60, 1, 9, 9)).astype(np.float32)
    for i in np.flatnonzero(labels):
        row, column = rng.integers(0, 7, 2)
        images[i, 0, row : row + 2, column : column + 2] = 1.0
    loader = torch.utils.data.DataLoader(torch.from_numpy(images), batch_size=16)
    maps = extract_activation_maps(network, loader, "1", method="hirescam", target=1)
    found = accuracy_after_masking(
        maps,
        images,
        labels,
        lambda x: network(torch.from_numpy(x)).detach().numpy(),
        channels="first",
        shares=(0.1,),
        random_state=0,
    )
    assert found["accuracy"].tolist() == [1.0, 0.5]
    assert found.loc[0.1, "accuracy_random"] > 0.75


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros(3, dtype=int)}, r"^labels: they have the shape \(3,\)"),
        ({"labels": np.full(4, "a")}, "^labels: they are of the type .* in classes"),
        ({"labels": np.full(4, 7)}, "^labels: 4, such as 7, are not among the columns"),
        ({"labels": np.full(4, "c"), "classes": "ab"}, "^labels: 'c' are none of"),
        ({"classes": (0, 1, 2)}, "^predict: it returned 2 scores per image for 3 cl"),
        (
            {"predict": lambda images: images.mean(axis=(1, 2))},
            "^predict: it returned 1",
        ),
        ({"shares": (0.0, 0.5)}, r"^shares: 0\.0; pass numbers above 0"),
        ({"shares": ()}, "^shares: none; pass"),
        ({"n_random": 0}, "^n_random: 0; pass an integer"),
    ],
)
def test_bad_input(change, message):
    images = np.random.default_rng(0).random((4, 5, 5))
    how = {
        "labels": np.zeros(4, dtype=int),
        "predict": lambda images: np.ones((len(images), 2)),
    }
    with pytest.raises(ValueError, match=message):
        accuracy_after_masking(images, images, **how | change)
