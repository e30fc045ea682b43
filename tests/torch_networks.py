"""Small networks with their data; imported only where torch is there."""

from copy import deepcopy
from functools import cache

import numpy as np
import torch
from torch import nn

from sklearn_wsca.torch import extract_feature_maps, head_from_module

N_IMAGES = 50
N_CLASSES = 3
N_MAPS = 12


def make_vectors(n=N_IMAGES):
    """Rows with unequal scales and means that are not zero."""
    generator = torch.Generator().manual_seed(0)
    scales = torch.tensor([1.0, 20.0, 0.1, 3.0, 0.5, 7.0])
    return torch.randn((n, 6), generator=generator) * scales + 2 * scales


def make_images(n=N_IMAGES):
    """Grey images of three classes: bright rows, bright columns, or neither."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(n) % N_CLASSES
    images = 30 + 8 * torch.randn((n, 1, 12, 10), generator=generator)
    images[labels == 0, :, ::2] += 20
    images[labels == 1, :, :, ::2] += 20
    return images, labels


def make_loader(data, batch_size=16, **settings):
    """Batches of unequal size: the last one is smaller."""
    return torch.utils.data.DataLoader(data, batch_size=batch_size, **settings)


def make_mlp():
    """Two linear layers with a rectifier in between."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, N_CLASSES))


class ConvNet(nn.Module):
    """Convolutions, batch norm, pooling, dropout and a head."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(8, N_MAPS, 3, padding=1),
            nn.BatchNorm2d(N_MAPS),
            nn.SiLU(inplace=True),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(N_MAPS, N_CLASSES)

    def forward(self, images):
        return self.head(self.dropout(self.pool(self.features(images)).flatten(1)))


def train_convnet():
    """A network of its own for each caller, left in training mode."""
    return deepcopy(_trained_convnet())


@cache
def _trained_convnet():
    images, labels = make_images()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = ConvNet()
        optimizer = torch.optim.Adam(network.parameters(), 1e-2)
        for _ in range(40):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images), labels).backward()
            optimizer.step()
    return network


class Functional(nn.Module):
    """Nothing but convolutions and a head are modules."""

    def __init__(self, activation, pool=lambda maps: maps.mean(dim=(2, 3))):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 6, 3)
        self.head = nn.Linear(6, 3)
        self.activation, self.pool = activation, pool

    def forward(self, images):
        maps = self.activation(self.second(self.first(images / 50 - 0.5).relu()))
        return self.head(self.pool(maps))


def make_pooled(n_dimensions):
    """A network with pooled maps of these many dimensions, and its loader."""
    torch.manual_seed(0)
    convolution = {1: nn.Conv1d, 3: nn.Conv3d}[n_dimensions]
    pool = {1: nn.AdaptiveAvgPool1d, 3: nn.AdaptiveAvgPool3d}[n_dimensions]
    model = nn.Sequential(
        convolution(2, 5, 3), nn.GELU(), pool(1), nn.Flatten(), nn.Linear(5, 2)
    )
    return model, make_loader(3 + 4 * torch.randn((9, 2, *[7] * n_dimensions)), 4)


class TwoHeads(nn.Module):
    """One trunk with two heads, whose outputs come in any form."""

    def __init__(self, form):
        super().__init__()
        torch.manual_seed(0)
        self.trunk = nn.Sequential(nn.Linear(6, 8), nn.ReLU())
        self.digit, self.scanner = nn.Linear(8, 3), nn.Linear(8, 3)
        self.form = form

    def forward(self, rows):
        features = self.trunk(rows)
        return self.form(self.digit(features), self.scanner(features))


class Behind(nn.Module):
    """A network and a function of its outputs."""

    def __init__(self, network, function):
        super().__init__()
        self.network, self.function = network, function

    def forward(self, rows):
        return self.function(self.network(rows))


def reference_run(model, inputs):
    """What the model gives in evaluation mode, in one go, and its mode as it was."""
    modes = {name: module.training for name, module in model.named_modules()}
    model.eval()
    with torch.no_grad():
        outputs = model(inputs).numpy()
    for name, module in model.named_modules():
        module.training = modes[name]
    return outputs


def assert_same_outputs(found, expected):
    """To 1e-5 of the largest output, which is not zero."""
    largest = np.abs(expected).max()
    assert largest > 0.1
    assert np.abs(found - expected).max() <= 1e-5 * largest


def weighted_maps(model, loader, columns):
    """The exact contributions of a linear head behind average pooling."""
    maps = extract_feature_maps(model, loader)
    weights = head_from_module(model).coef[columns]
    return weights.reshape(*weights.shape, *[1] * (maps.ndim - 2)) * maps


def assert_close(found, expected, tolerance=1e-5):
    """To a share of the largest value, which is not zero."""
    largest = np.abs(expected).max()
    assert largest > 1e-3
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * largest


def state_of(model):
    """All that a run could change: modes, hooks, flags, gradients and tensors."""
    modules = dict(model.named_modules())
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    return (
        {name: module.training for name, module in modules.items()},
        sum(len(getattr(m, name)) for m in modules.values() for name in hooks),
        {name: values.requires_grad for name, values in model.named_parameters()},
        {
            name: None if values.grad is None else values.grad.numpy().tobytes()
            for name, values in model.named_parameters()
        },
        {name: values.numpy().tobytes() for name, values in model.state_dict().items()},
    )


class Grouped(nn.Module):
    """Convolutions, the second of them in groups, and a head of two layers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(2, 6, 3), nn.Conv2d(6, 6, 3, groups=3)
        self.act, self.last = nn.ReLU(), nn.ReLU()
        self.pool, self.hidden = nn.MaxPool2d(2), nn.Linear(24, 5)
        self.head = nn.Linear(5, 3)

    def forward(self, images):
        maps = self.last(self.second(self.act(self.first(images))))
        return self.head(self.hidden(self.pool(maps).flatten(1)).tanh())


class Tokens(nn.Module):
    """Patches and a class token, attention between them, and a head on the latter."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(2, 8, 2, stride=2)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, images):
        patches = self.patches(images).flatten(2).transpose(1, 2)
        token = self.token.expand(len(images), -1, -1)
        tokens = self.norm(torch.cat([token, patches], dim=1))
        mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return self.head((tokens + 3 * mixed)[:, 0])


# Layers whose maps tests compare with those of another package.
MAP_LAYERS = {
    "grouped first": (Grouped, "act", None),
    "grouped last": (Grouped, "last", None),
    "tokens": (Tokens, "norm", (4, 4)),
}


def make_colour_images(n=6):
    """Images of two channels with unequal scales and means that are not zero."""
    generator = torch.Generator().manual_seed(2)
    scales = torch.tensor([1.0, 4.0])[:, None, None]
    return torch.randn((n, 2, 8, 8), generator=generator) * scales + scales / 2
