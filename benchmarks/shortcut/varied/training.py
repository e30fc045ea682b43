"""Train one network and describe what it makes of the held-out images."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from benchmarks.shortcut.truth import true_moves
from benchmarks.shortcut.varied.architectures import Network
from benchmarks.shortcut.varied.artefacts import render_levels
from benchmarks.shortcut.varied.images import (
    N_CLASSES,
    annotate,
    classes_or_thirds,
    load_images,
)
from benchmarks.shortcut.varied.plan import Configuration

TRAINED_SHARE = 0.4
N_STEPS = 300
BATCH_SIZE = 64
LEARNING_RATE = 2e-3
N_OUTPUTS = {"ten classes": N_CLASSES, "binary": 1, "rare": 2, "continuous": 1}


@dataclass(frozen=True)
class Study:
    """Images under every level, their target and level, rows of training."""

    rendered: torch.Tensor
    target: np.ndarray
    level: np.ndarray
    is_train: np.ndarray


def draw_study(configuration: Configuration) -> Study:
    """Levels are linked with the class, or third, with the given probability.

    It is the annotated one, errors of the readers included: so a level tells more of
    the target than the image does, but of an image no more than its annotation.
    """
    generator = np.random.default_rng(configuration.seed)
    source = load_images(configuration.images)
    target = annotate(source.target(configuration.kind), generator)
    rendered = render_levels(
        source.pixels,
        configuration.artefact,
        configuration.strength,
        configuration.n_levels,
    )
    linked = classes_or_thirds(target) % configuration.n_levels
    free = generator.integers(configuration.n_levels, size=len(target))
    is_linked = generator.random(len(target)) < configuration.association
    return Study(
        rendered=torch.from_numpy(rendered.astype(np.float32))[:, :, None],
        target=target,
        level=np.where(is_linked, linked, free),
        is_train=generator.random(len(target)) < TRAINED_SHARE,
    )


def train_network(study: Study, configuration: Configuration) -> Network:
    """Minimise the loss of the target on the training images."""
    levels = torch.from_numpy(study.level)
    loss, labels = _loss(configuration.kind, study.target)
    # The caller's random numbers stay as they are.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(configuration.seed)
        network = Network(configuration.architecture, N_OUTPUTS[configuration.kind])
        optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE)
        for rows in islice(_batches(study.is_train), N_STEPS):
            shown = levels[rows]
            if configuration.blind:
                shown = torch.randint(configuration.n_levels, (len(rows),))
            optimizer.zero_grad()
            loss(network(study.rendered[shown, rows]), labels[rows]).backward()
            optimizer.step()
    return network.eval()


def _loss(kind: str, target: np.ndarray) -> tuple[Callable, torch.Tensor]:
    """Loss of the kind of target, and the target in the shape that it wants."""
    labels = torch.from_numpy(target)
    if kind == "continuous":
        return functional.mse_loss, labels.float()[:, None]
    if kind == "binary":
        return functional.binary_cross_entropy_with_logits, labels.float()[:, None]
    return functional.cross_entropy, labels


def _batches(is_train: np.ndarray) -> Iterator[torch.Tensor]:
    """Endless random batches; every row once before any comes again."""
    rows = torch.from_numpy(np.flatnonzero(is_train))
    while True:
        yield from rows[torch.randperm(len(rows))].split(BATCH_SIZE)


@torch.no_grad()
def describe_network(network: Network, study: Study) -> dict:
    """What an analysis may see of the held-out images, and what is true."""
    rows = np.flatnonzero(~study.is_train)
    target, level = study.target[rows], study.level[rows]
    embeddings = torch.stack([network.embed(each[rows]) for each in study.rendered])
    rendered = network.head(embeddings).double().numpy()
    acquired = level, np.arange(len(rows))
    outputs = rendered[acquired]
    return {
        "embeddings": embeddings[acquired].numpy(),
        "coef": network.head.weight.numpy(),
        "intercept": network.head.bias.numpy(),
        "outputs": outputs,
        "target": target,
        "scanner": level,
        "rendered_outputs": rendered.astype(np.float32),
        "performance": _performance(outputs, target),
        **true_moves(rendered, outputs, classes_or_thirds(target)),
    }


def _performance(outputs: np.ndarray, target: np.ndarray) -> float:
    """Balanced accuracy, or R2 of a continuous target."""
    if not np.issubdtype(target.dtype, np.integer):
        return 1.0 - float(np.mean((outputs[:, 0] - target) ** 2) / target.var())
    one = outputs.shape[1] == 1
    predicted = outputs[:, 0] > 0.0 if one else outputs.argmax(axis=1)
    is_right = predicted == target
    return float(np.mean([is_right[target == code].mean() for code in set(target)]))


def export_network(configuration: Configuration, path: Path) -> None:
    """Train a network and write what `describe_network` says of it."""
    study = draw_study(configuration)
    network = train_network(study, configuration)
    np.savez_compressed(
        path, **configuration.describe(), **describe_network(network, study)
    )
