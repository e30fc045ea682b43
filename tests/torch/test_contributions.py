"""Gradient x activation: equal to autograd, complete, and exact for pooled heads."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_wsca import IntegratedFeatureAnalysis  # noqa: E402
from sklearn_wsca.torch import (  # noqa: E402
    extract_contributions,
    extract_feature_maps,
    head_from_module,
)
from tests.torch_networks import (  # noqa: E402
    N_CLASSES,
    N_IMAGES,
    N_MAPS,
    Behind,
    Functional,
    TwoHeads,
    assert_close,
    make_images,
    make_loader,
    make_mlp,
    make_pooled,
    make_vectors,
    reference_run,
    state_of,
    train_convnet,
    weighted_maps,
)

nn, functional = torch.nn, torch.nn.functional


@pytest.fixture(scope="module")
def loader():
    return make_loader(make_images()[0])


class WithMlp(nn.Module):
    """Convolutions, pooling, and a head of two linear layers."""

    def __init__(self, pool, bias=False, n_outputs=N_CLASSES, inplace=True):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 6, 3)
        self.act = nn.ReLU(inplace=inplace)
        self.pool, self.flat = pool, nn.Flatten()
        size = 6 * pool(torch.zeros(1, 6, 10, 8))[0, 0].numel()
        self.first = nn.Linear(size, 8, bias=bias)
        self.second = nn.Linear(8, n_outputs, bias=bias)

    def forward(self, images):
        maps = self.act(self.conv(images / 50 - 0.5))
        return self.second(functional.relu(self.first(self.flat(self.pool(maps)))))


def contributions_by_autograd(model, images, layer, columns=None):
    """Slow and obvious: one gradient per image, of a copy that is not used again."""
    found, wanted = [], []
    copies = []
    model.eval()

    def keep(module, args, output):
        copies.append(output.detach().clone().requires_grad_())
        return copies[-1].clone()

    handle = model.get_submodule(layer).register_forward_hook(keep)
    for row, image in enumerate(images):
        scores = model(image[None])[0]
        column = int(scores.argmax()) if columns is None else columns[row]
        (gradient,) = torch.autograd.grad(scores[column], copies[-1])
        found.append((copies[-1] * gradient)[0].sum(dim=(1, 2)).detach().numpy())
        wanted.append(float(scores[column].detach()))
    handle.remove()
    return np.array(found), np.array(wanted)


def test_of_a_pooled_linear_head(loader):
    """Weight times activation, whatever works in place, at every position."""
    model = train_convnet()
    found, scores = extract_contributions(model, loader, return_scores=True)
    assert found.shape == (N_IMAGES, N_MAPS, 6, 5)
    assert found.dtype == scores.dtype == np.float32
    assert_close(scores, reference_run(model, make_images()[0]))
    predicted = scores.argmax(axis=1)
    assert len(set(predicted)) > 1
    assert_close(found, weighted_maps(model, loader, predicted))
    sums = found.mean((2, 3)).sum(axis=1)
    bias = model.head.bias.detach().numpy()[predicted]
    assert_close(sums + bias, scores.max(axis=1))


@pytest.mark.parametrize("target", [1, np.arange(N_IMAGES) % 3, [2] * N_IMAGES])
def test_of_a_wanted_class(loader, target):
    model = train_convnet()
    found = extract_contributions(model, loader, target=target)
    columns = np.broadcast_to(target, N_IMAGES)
    assert_close(found, weighted_maps(model, loader, columns))


@pytest.mark.parametrize("layer", ["features", "features.5", "features.4"])
def test_of_a_named_layer(loader, layer):
    """Also one in front of a normalisation and an activation."""
    model = train_convnet()
    model.features[6].inplace = False
    found = extract_contributions(model, loader, layer)
    expected, _ = contributions_by_autograd(model, make_images()[0], layer)
    assert_close(found.mean((2, 3)), expected, 1e-4)
    model.features[6].inplace = True
    np.testing.assert_array_equal(found, extract_contributions(model, loader, layer))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("layer", ["conv", "act"])
@pytest.mark.parametrize(
    "pool", [nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1), nn.AvgPool2d(2)]
)
def test_of_a_head_with_two_layers(loader, pool, layer, bias):
    model = WithMlp(pool, bias)
    found, scores = extract_contributions(model, loader, layer, return_scores=True)
    expected, wanted = contributions_by_autograd(model, make_images()[0], layer)
    assert found.shape == (N_IMAGES, 6, 10, 8)
    assert_close(scores.max(axis=1), wanted)
    assert_close(found.mean((2, 3)), expected)
    rest = wanted - found.mean((2, 3)).sum(axis=1)
    # Complete without biases. With them, the rest is not rounding.
    assert (np.abs(rest).max() < 1e-5 * np.abs(wanted).max()) == (not bias)


def test_the_input_of_a_layer(loader):
    """Where the activation is a function, only the pooling layer can be named."""

    class Functional(WithMlp):
        def forward(self, images):
            maps = functional.relu(self.conv(images / 50 - 0.5))
            return self.second(functional.relu(self.first(self.flat(self.pool(maps)))))

    model = Functional(nn.AdaptiveMaxPool2d(1))
    found = extract_contributions(model, loader, "pool", side="input")
    expected = extract_contributions(
        WithMlp(nn.AdaptiveMaxPool2d(1)), loader, layer="act"
    )
    np.testing.assert_array_equal(found, expected)
    # A layer that works in place on what is read.
    model = WithMlp(nn.AdaptiveMaxPool2d(1))
    before = extract_contributions(model, loader, "act", side="input")
    np.testing.assert_allclose(before, expected, atol=1e-6)


def test_an_input_that_is_passed_by_name(loader):
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = train_convnet()

        def forward(self, images):
            return self.inner.head(
                self.inner.pool(input=self.inner.features(images)).flatten(1)
            )

    expected = extract_contributions(train_convnet(), loader)
    found = extract_contributions(Named(), loader, "inner.pool", side="input")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "activation",
    [functional.relu_, torch.sigmoid_, lambda maps: functional.silu(maps, True)],
)
def test_an_activation_that_overwrites_the_maps(loader, activation):
    """Also a curved one, of which gradient x input is another product."""
    model = Functional(activation)
    found, scores = extract_contributions(model, loader, return_scores=True)
    assert_close(found, weighted_maps(model, loader, scores.argmax(axis=1)))
    named = extract_contributions(model, loader, "second")
    expected, _ = contributions_by_autograd(model, make_images()[0], "second")
    assert_close(named.mean((2, 3)), expected)


@pytest.mark.parametrize("n_dimensions", [1, 3])
def test_signals_and_volumes(n_dimensions):
    model, loader = make_pooled(n_dimensions)
    found, scores = extract_contributions(model, loader, return_scores=True)
    assert found.shape == (9, 5, *[5] * n_dimensions)
    assert_close(found, weighted_maps(model, loader, scores.argmax(axis=1)))


def test_a_layer_without_positions():
    """Rows of numbers fit the estimator as pooled activations."""
    model, loader = make_mlp(), make_loader(make_vectors())
    found, scores = extract_contributions(model, loader, "1", return_scores=True)
    assert found.shape == (N_IMAGES, 8)
    bias = model[2].bias.detach().numpy()[scores.argmax(axis=1)]
    assert_close(found.sum(axis=1) + bias, scores.max(axis=1))


@pytest.mark.parametrize("flat", [False, True])
def test_a_number(loader, flat):
    """Its contributions fit the estimator with a head of ones."""
    model = WithMlp(nn.AdaptiveMaxPool2d(1), n_outputs=1)
    if flat:
        model = Behind(model, lambda output: output[:, 0])
    layer = "network.act" if flat else "act"
    found, scores = extract_contributions(model, loader, layer, return_scores=True)
    assert scores.shape == (N_IMAGES, 1)
    assert_close(found.mean((2, 3)).sum(axis=1), scores[:, 0])
    with pytest.raises(ValueError, match="target: there is one score per sample"):
        extract_contributions(model, loader, layer, target=0)
    analysis = IntegratedFeatureAnalysis(np.ones(6)).fit(found, scores[:, 0])
    assert_close(analysis.importance_overall_, found.mean((0, 2, 3), dtype=float))
    curve = analysis.performance_curve_["r2"]
    assert curve.iloc[-1] == pytest.approx(1)
    assert curve.iloc[0] < 0.99


def test_the_difference_of_two_classes_fits_the_estimator():
    images, labels = make_images()
    images, labels = images[labels < 2], labels[labels < 2].numpy()
    model = train_convnet()
    found = extract_contributions(
        model, make_loader(images), scores=lambda output: output[:, 1] - output[:, 0]
    )
    weights = head_from_module(model)
    bias = np.r_[weights.intercept[1] - weights.intercept[0]]
    ones = IntegratedFeatureAnalysis((np.ones((1, N_MAPS)), bias), random_state=0)
    maps = extract_feature_maps(model, make_loader(images))
    direct = IntegratedFeatureAnalysis(
        (weights.coef[1:2] - weights.coef[:1], bias), random_state=0
    )
    ones.fit(found, labels)
    direct.fit(maps, labels)
    assert direct.n_correct_.min() > 10
    np.testing.assert_array_equal(ones.n_correct_, direct.n_correct_)
    assert_close(ones.importance_, direct.importance_)
    assert_close(ones.importance_difference_, direct.importance_difference_)
    assert_close(ones.activation_maps(found), direct.activation_maps(maps), 1e-3)


@pytest.mark.parametrize(
    "function",
    [
        lambda logits: logits.softmax(dim=1),
        torch.sigmoid_,
        lambda logits: {"probabilities": logits.softmax(dim=1)},
    ],
)
def test_scores_are_those_before_the_last_activation(loader, function):
    expected = extract_contributions(train_convnet(), loader)
    model = Behind(train_convnet(), function)
    np.testing.assert_allclose(extract_contributions(model, loader), expected)


def test_scores_of_a_function_or_a_layer(loader):
    plain = train_convnet()
    model = Behind(train_convnet(), lambda logits: (logits, logits.exp() / 3))
    expected = extract_contributions(plain, loader, target=2)
    by_name = {"layer": "network.features", "target": 2}
    for scores in ("network.head", model.network.head, lambda output: output[0]):
        found = extract_contributions(model, loader, scores=scores, **by_name)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    found, values = extract_contributions(
        model, loader, scores=lambda output: output[1], return_scores=True, **by_name
    )
    # The chain rule of the exponential.
    expected = expected * values[:, 2].reshape(-1, 1, 1, 1)
    assert_close(found, expected)


@pytest.mark.parametrize("form", [lambda a, b: (a, b), lambda a, b: {"a": a, "b": b}])
def test_one_of_several_heads(form):
    model, loader = TwoHeads(form), make_loader(make_vectors())
    with pytest.raises(ValueError, match="scores: the model returns 2 tensors, none"):
        extract_contributions(model, loader, "trunk")
    for name in ("digit", "scanner"):
        found, scores = extract_contributions(
            model, loader, "trunk", scores=name, return_scores=True
        )
        bias = model.get_submodule(name).bias.detach().numpy()
        sums = found.sum(axis=1) + bias[scores.argmax(axis=1)]
        assert_close(sums, scores.max(axis=1))


def test_a_convolution_as_head(loader):
    """There is no linear layer: the scores are what the model returns."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 3, 1, bias=False),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip
    found, scores = extract_contributions(model, loader, "1", return_scores=True)
    assert_close(found.mean((2, 3)).sum(axis=1), scores.max(axis=1))
    names = r"no torch.nn.Linear.* feature maps are '0' \(Conv2d\), '1' \(ReLU\), '2'"
    with pytest.raises(ValueError, match=names):
        extract_contributions(model, loader)


def test_layers_are_listed_where_none_is_found(loader):
    names = r"name one with layer=, the last ones are 'conv' \(Conv2d\), 'act' \(ReLU\)"
    with pytest.raises(ValueError, match=names):
        extract_contributions(WithMlp(nn.AdaptiveAvgPool2d(1)), loader)


@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode])
def test_a_first_part_that_runs_without_gradients(loader, guard):
    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = train_convnet()

        def forward(self, images):
            with guard():
                maps = self.inner.features(images)
            return self.inner.head(self.inner.pool(maps).flatten(1))

    expected = extract_contributions(train_convnet(), loader)
    found = extract_contributions(Frozen(), loader)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode])
def test_under_a_guard_of_the_user(loader, guard):
    expected = extract_contributions(train_convnet(), loader)
    model = train_convnet()
    with guard():
        found = extract_contributions(model, loader)
        assert not torch.is_grad_enabled()
    np.testing.assert_array_equal(found, expected)


def test_batches_change_nothing(loader):
    model = train_convnet()
    whole = extract_contributions(model, [make_images()[0]])
    np.testing.assert_allclose(
        extract_contributions(model, make_loader(make_images()[0], 1)),
        whole,
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("n_positions", [30, 10**5])
def test_half_precision_holds_the_gradients(n_positions):
    """float16 knows neither 1 / 10^5 nor 10^5."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Identity(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(2, 2)
    ).half()
    signals = (1 + torch.rand((3, 2, n_positions))).half()
    found = extract_contributions(model, [signals], "0", target=1)
    weights = model[3].weight[1].detach().float().numpy()
    assert_close(found, weights[:, None] * signals.float().numpy(), 2e-3)


def test_double_precision():
    model, rows = make_mlp().double(), make_vectors().double()
    found = extract_contributions(model, [rows], "1")
    expected = extract_contributions(make_mlp(), [make_vectors()], "1")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_parameters_that_are_not_trained(loader):
    model = train_convnet().requires_grad_(False)
    before = state_of(model)
    found = extract_contributions(model, loader)
    assert state_of(model) == before
    np.testing.assert_array_equal(found, extract_contributions(train_convnet(), loader))


def test_the_part_before_the_layer_needs_no_graph(loader):
    """Nothing in front of the layer is kept for a backward pass."""
    model, seen = train_convnet(), []
    handle = model.features[4].register_forward_hook(
        lambda module, args, output: seen.append(output.requires_grad)
    )
    extract_contributions(model, loader, "features")
    handle.remove()
    assert seen
    assert not any(seen)


def test_hooks_of_the_user_are_heeded(loader):
    model = train_convnet()
    plain = extract_contributions(model, loader, target=0)
    model.features.register_forward_hook(lambda module, args, output: 2 * output)
    np.testing.assert_allclose(
        extract_contributions(model, loader, "features", target=0), 2 * plain
    )


class Guarded(WithMlp):
    @torch.no_grad()
    def forward(self, images):
        return super().forward(images)


class Tuples(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(6, 4), nn.Linear(4, 2)

    def forward(self, rows):
        return self.head(self.lstm(rows)[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": 3}, "target: 1 numbers, such as 3, are not among .* 0 ... 2"),
        ({"target": -1}, "target: 1 numbers, such as -1"),
        ({"target": "cat"}, "target: found an array"),
        ({"target": 1.0}, "target: found an array"),
        ({"target": [0] * 49}, "target: 49 columns, but the loader has at least 50"),
        ({"target": [0] * 51}, "target: 51 columns for the 50 rows of the loader"),
        ({"scores": "heat"}, "scores: the model has no layer 'heat'; did you mean"),
        ({"scores": nn.Linear(2, 2)}, "scores: the Linear is not part of the model"),
        ({"scores": lambda output: output[:, None]}, r"scores: .* \(16, 1, 3\), not"),
        ({"scores": lambda output: output.argmax(1)}, r"scores: found .* \(16,\), not"),
        ({"scores": lambda output: 3}, r"scores: found a int of the shape \(\)"),
        ({"scores": lambda output: output[:5]}, "gives 16 rows for 5 rows of scores"),
        ({"scores": "missing.0"}, "scores: the model has no layer"),
        ({"scores": "features.0"}, r"scores: .* \(16, 8, 12, 10\), not numbers"),
        ({"side": "auto"}, "side: found 'auto'; it must be one of 'input', 'output'"),
        ({"layer": "features", "scores": torch.detach}, "no gradient leads from the"),
        ({"layer": "head", "scores": "head"}, "no gradient leads from the scores"),
    ],
)
def test_bad_input(loader, tmp_path, settings, message):
    model = train_convnet()
    before = state_of(model)
    with pytest.raises(ValueError, match=message):
        extract_contributions(model, loader, out=tmp_path / "u.npy", **settings)
    assert state_of(model) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "data", "layer", "message"),
    [
        (Guarded(nn.AdaptiveMaxPool2d(1)), make_images()[0], "act", "no gradient le"),
        (Tuples(), make_vectors(), "lstm", r"is a tuple, not a tensor; name another"),
        (WithMlp(nn.AdaptiveMaxPool2d(1)), make_images()[0], "missing", "no layer 'mi"),
        (
            nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(24, 2)),
            torch.arange(12).reshape(2, 6) % 9,
            ("0", "input"),
            "type torch.int64, not activations",
        ),
    ],
)
def test_layers_without_a_gradient(model, data, layer, message):
    layer, side = (layer, "output") if isinstance(layer, str) else layer
    with pytest.raises(ValueError, match=message) as caught:
        extract_contributions(model, make_loader(data), layer, side=side)
    assert not re.search("pool=", str(caught.value))


def test_images_of_several_sizes():
    batches = [make_images()[0], make_images()[0][..., :8]]
    with pytest.raises(ValueError, match="the contributions of batch 1 have the shape"):
        extract_contributions(train_convnet(), batches)
