"""Small networks on digits from simulated scanners, for the figures of both papers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from torch import nn

from sklearn_wsca import Head
from sklearn_wsca.datasets import make_scanner_digits
from sklearn_wsca.torch import extract_embeddings, head_from_module

N_TRAIN, BATCH = 900, 50


@dataclass(frozen=True)
class Digits:
    """Images (n, 1, 8, 8) with metadata, of training and held out."""

    images: torch.Tensor
    table: pd.DataFrame
    is_train: np.ndarray

    @property
    def held_out(self) -> pd.DataFrame:
        """Metadata of the images that no network has seen."""
        return self.table[~self.is_train].reset_index(drop=True)

    def batches(self, rows: np.ndarray) -> tuple:
        """Images of some rows, as the extraction takes them."""
        return self.images[torch.from_numpy(rows)].split(BATCH)


def record(association: float, seed: int = 0) -> Digits:
    """Digits of three scanners, with metadata that are and are not in the image."""
    digits = make_scanner_digits(
        association=association, artefact=0.5, random_state=seed
    )
    generator = np.random.default_rng(seed)
    clean = load_digits().images / 16.0
    table = pd.DataFrame(
        {
            "digit": digits.target,
            "scanner": digits.metadata["scanner"],
            # Of the digit itself, before the scanner: how thick and how wide it is.
            "ink": clean.mean(axis=(1, 2)),
            "width": _spread(clean.sum(axis=1)),
            # Who looked at an image changes nothing in it.
            "reader": generator.choice(["R", "S", "T"], len(clean)),
        }
    )
    is_train = generator.permutation(len(table)) < N_TRAIN
    return Digits(as_tensor(digits.images), table, is_train)


def _spread(profile: np.ndarray) -> np.ndarray:
    """Standard deviation along the axis of profiles (n, positions)."""
    share = profile / profile.sum(axis=1, keepdims=True)
    positions = np.arange(profile.shape[1])
    mean = share @ positions
    return np.sqrt(share @ positions**2 - mean**2)


def as_tensor(images: np.ndarray) -> torch.Tensor:
    """Images as networks take them."""
    return torch.from_numpy(images.astype(np.float32))[:, None]


def wide_body(
    width: int, activation: Callable[[], nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Two convolutions and a wide hidden layer."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, width),
        activation(),
    )


def pooled_body(width: int) -> nn.Sequential:
    """Three convolutions and average pooling."""
    layers: list[nn.Module] = []
    for n_inputs in (1, width, width):
        convolution = nn.Conv2d(n_inputs, width, 3, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def train(
    digits: Digits,
    make_body: Callable[[int], nn.Sequential],
    width: int,
    tasks: tuple[str, ...],
    n_epochs: int,
    seed: int = 0,
) -> list[nn.Sequential]:
    """Train one network per task on a common body, for all tasks together."""
    labels = [
        torch.from_numpy(np.unique(digits.table[task], return_inverse=True)[1])
        for task in tasks
    ]
    torch.manual_seed(seed)
    body = make_body(width)
    heads = [nn.Linear(width, int(codes.max()) + 1) for codes in labels]
    parameters = nn.ModuleList([body, *heads]).parameters()
    optimizer = torch.optim.Adam(parameters, lr=2e-3)
    rows = torch.from_numpy(np.flatnonzero(digits.is_train))
    for _ in range(n_epochs):
        for batch in rows[torch.randperm(len(rows))].split(BATCH):
            features = body(digits.images[batch])
            losses = [
                nn.functional.cross_entropy(head(features), codes[batch])
                for head, codes in zip(heads, labels, strict=True)
            ]
            optimizer.zero_grad()
            torch.stack(losses).sum().backward()
            optimizer.step()
    return [nn.Sequential(*body, head).eval() for head in heads]


@dataclass(frozen=True)
class Exported:
    """Embeddings of held-out images, and trained heads by task."""

    embeddings: np.ndarray
    heads: dict[str, Head]
    table: pd.DataFrame


def export(digits: Digits, networks: list[nn.Sequential], tasks: tuple) -> Exported:
    """Embeddings and heads of networks with a common body."""
    rows = np.flatnonzero(~digits.is_train)
    return Exported(
        extract_embeddings(networks[0], digits.batches(rows)),
        {
            task: head_from_module(network, classes=np.unique(digits.table[task]))
            for task, network in zip(tasks, networks, strict=True)
        },
        digits.held_out,
    )
