"""Samples whose contributions a scanner may shift, compared by one column."""

import numpy as np
import pandas as pd

from sklearn_wsca._features.shift import Contributions, compare_contributions

N_FEATURES = 30
PLANTED = [4, 21]
SCALE = np.geomspace(0.01, 100.0, N_FEATURES)
MEAN = SCALE * np.linspace(-20.0, 20.0, N_FEATURES)
CLASS_MEANS = np.array([0.0, 2.0, 3.0])
CLASS_DEVIATIONS = np.array([1.0, 2.0, 0.5])


def draw_values(rng, classes, patients=None):
    """Correlated features of unequal scales, of which classes and patients differ."""
    noise = rng.normal(size=(len(classes), N_FEATURES))
    noise += 0.5 * rng.normal(size=(len(classes), 1))
    if patients is not None:
        noise += 1.5 * rng.normal(size=(patients.max() + 1, N_FEATURES))[patients]
    noise *= CLASS_DEVIATIONS[classes][:, None]
    return MEAN + SCALE * (noise + CLASS_MEANS[classes][:, None])


def draw_scanner(rng, classes):
    """Scanner of which the classes have different shares."""
    return (rng.random(len(classes)) < np.array([0.2, 0.5, 0.8])[classes]).astype(int)


def draw_patients(rng, n_patients, n_images=5):
    """Classes and scanners that are constant in patients of several images."""
    classes = rng.integers(0, 3, n_patients)
    patients = np.repeat(np.arange(n_patients), n_images)
    return classes[patients], draw_scanner(rng, classes)[patients], patients


def plant(values, classes, scanner, size):
    """Shift two features with the scanner, in deviations of their class."""
    shift = size * SCALE[PLANTED] * CLASS_DEVIATIONS[classes][:, None]
    values = values.copy()
    values[:, PLANTED] += shift * np.array([1.0, -1.0]) * scanner[:, None]
    return values


def contributions(values, classes, groups=None):
    series = None if groups is None else pd.Series(groups, name="patient")
    return Contributions(np.asarray(values, dtype=np.float32), classes, series)


def few_samples(n_features, groups):
    """Fitted samples, where only metadata of the new ones matter."""
    classes = np.repeat([0, 1, 2], 8)
    names = [f"other {i}" for i in range(24)] if groups else None
    values = np.random.default_rng(99).normal(size=(24, n_features))
    return contributions(values, classes, names)


def compare_by(labels, values, classes, patients=None, seed=0, m=99):
    """Compare new samples by one column."""
    new = contributions(values, classes, patients)
    fitted = few_samples(values.shape[1], patients is not None)
    metadata = pd.DataFrame({"label": labels})
    names = np.arange(values.shape[1])
    return compare_contributions(fitted, new, metadata, names, seed, m).loc["label"]
