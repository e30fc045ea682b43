"""Randomised copies: the same values elsewhere, the model as it was."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_wsca import weight_randomisation_test  # noqa: E402
from sklearn_wsca.torch import (  # noqa: E402
    extract_activation_maps,
    randomise_weights,
)
from tests.torch_networks import (  # noqa: E402
    make_images,
    make_loader,
    state_of,
    train_convnet,
)


def values_of(model):
    return {name: p.detach().numpy().ravel() for name, p in model.named_parameters()}


@pytest.mark.parametrize("layers", [None, ["head"], ["head", "features.4"]])
def test_values_are_exchanged_within_tensors(layers):
    model = train_convnet()
    before = str(state_of(model))
    copy = randomise_weights(model, layers, random_state=0)
    assert str(state_of(model)) == before
    for name, values in values_of(model).items():
        found = values_of(copy)[name]
        np.testing.assert_array_equal(np.sort(found), np.sort(values))
        chosen = layers is None or name.startswith(tuple(f"{x}." for x in layers))
        # Of a few values, or one everywhere, a random order may be the old one.
        if len(set(values)) > 5:
            assert chosen == (found != values).any()


def test_seeds():
    model = train_convnet()
    first, again, other = (
        values_of(randomise_weights(model, random_state=seed))["head.weight"]
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_shared_weights_stay_shared():
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    model[1].weight = model[0].weight
    copy = randomise_weights(model, random_state=0)
    assert copy[1].weight is copy[0].weight
    values = model[0].weight.detach().flatten().sort().values
    assert torch.equal(copy[0].weight.detach().flatten().sort().values, values)


def test_maps_of_a_network_forget_what_it_learnt():
    images, labels = make_images()
    model, loader = train_convnet(), make_loader(images)
    how = {"layer": "features.6", "target": labels.numpy(), "method": "hirescam"}
    maps = extract_activation_maps(model, loader, **how)
    randomised = [
        extract_activation_maps(
            randomise_weights(model, random_state=seed), loader, **how
        )
        for seed in range(5)
    ]
    result = weight_randomisation_test(maps, randomised, random_state=0)
    assert abs(result.similarity) < 0.5
    same = weight_randomisation_test(maps, [maps], random_state=0)
    assert same.similarity == pytest.approx(1)


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        (["tail"], ValueError, "layer: "),
        (["pool"], ValueError, "layers: there is no parameter"),
        ("head", TypeError, r"layers: found 'head'; pass a list"),
        ([1], TypeError, r"layers: found \[1\]"),
    ],
)
def test_bad_layers(layers, error, message):
    with pytest.raises(error, match=message):
        randomise_weights(train_convnet(), layers)
