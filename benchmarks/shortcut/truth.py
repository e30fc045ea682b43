"""How much a network uses the scanner, from the same images under every scanner."""

import numpy as np
from scipy.special import softmax


def centre_over_classes(logits: np.ndarray) -> np.ndarray:
    """Logits without their mean over classes, which changes no prediction."""
    return logits - logits.mean(axis=-1, keepdims=True)


def true_use(
    rendered: np.ndarray, acquired: np.ndarray, classes: np.ndarray
) -> dict[str, float]:
    """True use of the scanner by outputs and by predicted probabilities.

    `rendered` (n_scanners, n_images, n_classes) are the logits of every image under
    every scanner, `acquired` (n_images, n_classes) those under its own scanner.
    """
    return {
        "total_variation": _total_variation(softmax(rendered, axis=-1)),
        **true_moves(rendered, acquired, classes),
    }


def true_moves(
    rendered: np.ndarray, acquired: np.ndarray, classes: np.ndarray
) -> dict[str, float]:
    """How far outputs move between scanners, in standard deviations of the outputs.

    Of single images (`shift`), of the mean of all (`mean_shift`), and of the mean of
    every class: as many times as it has images (`class_shift`), or once
    (`balanced_shift`). A single output is not centred over classes.
    """
    if rendered.shape[-1] > 1:
        rendered, acquired = (
            centre_over_classes(rendered),
            centre_over_classes(acquired),
        )
    shifts = rendered - rendered.mean(axis=0)
    unit = np.sqrt(acquired.var(axis=0).sum())
    of_classes = np.stack(
        [shifts[:, classes == code].mean(axis=1) for code in range(classes.max() + 1)],
        axis=1,
    )
    return {
        "shift": _root_mean_square(shifts) / unit,
        "mean_shift": _root_mean_square(shifts.mean(axis=1)) / unit,
        "class_shift": _root_mean_square(of_classes[:, classes]) / unit,
        "balanced_shift": _root_mean_square(of_classes) / unit,
    }


def _total_variation(probabilities: np.ndarray) -> float:
    first, second = np.triu_indices(len(probabilities), k=1)
    distances = np.abs(probabilities[first] - probabilities[second]).sum(axis=-1)
    return float(distances.mean() / 2)


def _root_mean_square(shifts: np.ndarray) -> float:
    """Root mean square length of the vectors along the last axis."""
    return float(np.sqrt((shifts**2).sum(axis=-1).mean()))
