"""Checkpoints in the style of several libraries, as arrays by name."""

import numpy as np

from sklearn_wsca.io import load_head

N_FEATURES = 6
RNG = np.random.default_rng(0)
COEF = RNG.standard_normal((3, N_FEATURES)) * [1.0, 20.0, 0.1, 3.0, 0.5, 7.0] + 1
BIAS = np.array([100.0, -7.0, 0.5])
HEAD = {"weight": COEF, "bias": BIAS}
WIDE = {"weight": np.ones((50, N_FEATURES)), "bias": np.ones(50)}
FACTORS = {"lora_A": np.ones((2, N_FEATURES)), "lora_B": np.ones((3, 2))}


def below(prefix, parts):
    """Parts of a layer by their full names."""
    return {f"{prefix}.{name}": part for name, part in parts.items()}


def load(folder, state, **options):
    """Head of a checkpoint."""
    np.savez(folder / "checkpoint.npz", **state)
    options = {"n_features": N_FEATURES, **options}
    return load_head(folder / "checkpoint.npz", **options)
