"""Train small networks on digits from three simulated scanners and keep the truth.

Run from the repository: ``python -m benchmarks.shortcut.networks [--directory DIR]``.
Networks that are in the directory already are not trained again: delete it after a
change of what they are trained on.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import islice, product
from pathlib import Path

import numpy as np
import torch
from sklearn.utils import Bunch

from benchmarks.shortcut.truth import true_use
from sklearn_wsca.datasets import make_scanner_digits

ASSOCIATIONS = (0.0, 0.25, 0.5, 0.75, 0.95)
ARTEFACTS = (0.1, 0.3, 1.0)
SEEDS = (0, 1, 2)
N_TRAIN = 800
N_SCANNERS = 3
# Images per plane (row) and scanner in the ultrasound study of the paper.
COMPOSITIONS = {
    "full": (
        (717, 333, 658),
        (1018, 805, 888),
        (760, 315, 533),
        (855, 602, 523),
    ),
    "balanced": ((300, 300, 300),) * 4,
    "biased": (
        (150, 150, 658),
        (150, 700, 150),
        (700, 150, 150),
        (700, 150, 150),
    ),
}
COMPOSITION_SCALE = 10
N_EMBEDDING = 48
N_STEPS = 300
BATCH_SIZE = 50
LEARNING_RATE = 2e-3
DEFAULT_DIRECTORY = Path(tempfile.gettempdir()) / "sklearn_wsca_shortcut"


@dataclass(frozen=True)
class Configuration:
    """What a network is trained on, and for how many tasks."""

    sampling: float | str  # association of scanner and target, or a composition
    artefact: float
    multi_task: bool
    seed: int

    @property
    def file_name(self) -> str:
        """Name of the file with the network's results."""
        return "-".join(str(value) for value in astuple(self)) + ".npz"


def association_study(seeds=SEEDS) -> list[Configuration]:
    """Five associations, three artefacts, fine-tuned and multi-task."""
    axes = product(ASSOCIATIONS, ARTEFACTS, (False, True), seeds)
    return [Configuration(*values) for values in axes]


def composition_study(seeds=SEEDS) -> list[Configuration]:
    """The three compositions of the ultrasound study, with an obvious artefact."""
    axes = product(COMPOSITIONS, ARTEFACTS[-1:], (False, True), seeds)
    return [Configuration(*values) for values in axes]


def draw_study(configuration: Configuration) -> Bunch:
    """Images under every scanner, class and scanner codes, rows of training."""
    sampling, seed = configuration.sampling, configuration.seed
    is_composition = isinstance(sampling, str)
    digits = make_scanner_digits(
        n_classes=len(COMPOSITIONS[sampling]) if is_composition else 10,
        artefact=configuration.artefact,
        association=0.0 if is_composition else sampling,
        random_state=seed,
    )
    target = _codes(digits.target)
    generator = np.random.default_rng(seed)
    if is_composition:
        counts = np.array(COMPOSITIONS[sampling]) // COMPOSITION_SCALE
        scanner, is_train = _compose(target, counts, generator)
    else:
        scanner = _codes(digits.metadata["scanner"])
        is_train = generator.permutation(len(target)) < N_TRAIN
    return Bunch(
        rendered=digits.rendered,
        target=target,
        scanner=scanner,
        train=np.flatnonzero(is_train),
        held_out=np.flatnonzero(~is_train),
    )


def _compose(target, counts, generator) -> tuple[np.ndarray, np.ndarray]:
    """Scanners by cell counts in training, drawn by the same shares elsewhere."""
    scanner = np.empty_like(target)
    is_train = np.zeros(len(target), dtype=bool)
    for code, cell_counts in enumerate(counts):
        rows = generator.permutation(np.flatnonzero(target == code))
        chosen, rest = np.split(rows, [cell_counts.sum()])
        is_train[chosen] = True
        scanner[chosen] = np.repeat(np.arange(N_SCANNERS), cell_counts)
        shares = cell_counts / cell_counts.sum()
        scanner[rest] = generator.choice(N_SCANNERS, size=len(rest), p=shares)
    return scanner, is_train


def _codes(labels) -> np.ndarray:
    return np.unique(labels, return_inverse=True)[1]


class DigitNetwork(torch.nn.Module):
    """Two convolutions, one hidden layer and linear heads on its features."""

    def __init__(self, n_classes: int, multi_task: bool):
        super().__init__()
        self.embed = torch.nn.Sequential(
            torch.nn.Conv2d(1, 16, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(16, 32, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Flatten(),
            torch.nn.Linear(32 * 4 * 4, N_EMBEDDING),
            torch.nn.ReLU(),
        )
        n_outputs = [n_classes, N_SCANNERS] if multi_task else [n_classes]
        self.heads = torch.nn.ModuleList(
            torch.nn.Linear(N_EMBEDDING, size) for size in n_outputs
        )


def train_network(study: Bunch, configuration: Configuration) -> DigitNetwork:
    """Minimise the sum of the heads' cross-entropies on the training images."""
    images = _as_tensor(study.rendered[study.scanner, np.arange(len(study.scanner))])
    labels = [torch.from_numpy(codes) for codes in (study.target, study.scanner)]
    # The caller's random numbers stay as they are.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(configuration.seed)
        n_classes = len(np.unique(study.target))
        network = DigitNetwork(n_classes, configuration.multi_task)
        optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
        for rows in islice(_batches(torch.from_numpy(study.train)), N_STEPS):
            features = network.embed(images[rows])
            # A network of one task has no head for the second labels.
            losses = [
                torch.nn.functional.cross_entropy(head(features), codes[rows])
                for head, codes in zip(network.heads, labels, strict=False)
            ]
            optimizer.zero_grad()
            torch.stack(losses).sum().backward()
            optimizer.step()
    return network


def _batches(rows: torch.Tensor) -> Iterator[torch.Tensor]:
    """Endless random batches; every row once before any comes again."""
    while True:
        yield from rows[torch.randperm(len(rows))].split(BATCH_SIZE)


def _as_tensor(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images.astype(np.float32))[:, None]


@torch.no_grad()
def describe_network(network: DigitNetwork, study: Bunch) -> dict:
    """What an analysis may see of the held-out images, and what is true."""
    rows = study.held_out
    target, scanner = study.target[rows], study.scanner[rows]
    every_scanner = torch.stack(
        [network.embed(_as_tensor(images[rows])) for images in study.rendered]
    )
    every_logits = network.heads[0](every_scanner).double().numpy()
    acquired = scanner, np.arange(len(rows))
    logits = every_logits[acquired]
    return {
        "embeddings": every_scanner[acquired].numpy(),
        "target": target,
        "scanner": scanner,
        "rendered": every_logits.astype(np.float32),
        "accuracy": np.mean(logits.argmax(axis=1) == target),
        **_head_arrays(network),
        **true_use(every_logits, logits, target),
    }


def _head_arrays(network: DigitNetwork) -> dict[str, np.ndarray]:
    """Weights and biases of the target's head and, if there, of the scanner's."""
    arrays = {}
    for name, head in zip(("target", "scanner"), network.heads, strict=False):
        arrays[f"{name}_coef"] = head.weight.numpy()
        arrays[f"{name}_intercept"] = head.bias.numpy()
    return arrays


def load_or_train(configuration: Configuration, directory: Path) -> dict:
    """Results of one network, from the directory if they are there."""
    path = directory / configuration.file_name
    if not path.exists():
        study = draw_study(configuration)
        network = train_network(study, configuration)
        directory.mkdir(parents=True, exist_ok=True)
        np.savez(path, **describe_network(network, study))
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def main() -> None:
    """Train what is missing and print the true use of every network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=DEFAULT_DIRECTORY)
    directory = parser.parse_args().directory
    torch.set_num_threads(1)
    print("sampling | artefact | tasks | seed | accuracy | shift | variation | seconds")
    for configuration in association_study() + composition_study():
        start = time.perf_counter()
        network = load_or_train(configuration, directory)
        print(
            configuration.sampling,
            configuration.artefact,
            1 + configuration.multi_task,
            configuration.seed,
            *(f"{network[name]:.3f}" for name in ("accuracy", "shift")),
            f"{network['total_variation']:.3f}",
            f"{time.perf_counter() - start:.1f}",
            sep=" | ",
            flush=True,
        )
    print(f"networks in {directory}")


if __name__ == "__main__":
    main()
