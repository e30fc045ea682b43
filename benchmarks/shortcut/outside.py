"""Measures from outside the package, in short: value and p-value of one network."""

from itertools import combinations

import numpy as np
from scipy.stats import ks_2samp
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from benchmarks.shortcut.truth import centre_over_classes

N_COMPONENTS = 10
N_PERMUTED_DIRECTIONS = 39


def largest_distance(
    embeddings: np.ndarray, scanner: np.ndarray
) -> tuple[float, float]:
    """Largest Kolmogorov-Smirnov distance of two scanners on a principal component.

    The p-value is the smallest one, corrected for the number of comparisons.
    """
    components = PCA(N_COMPONENTS).fit_transform(embeddings)
    tests = [
        ks_2samp(*(components[scanner == code, component] for code in pair))
        for pair in combinations(np.unique(scanner), 2)
        for component in range(N_COMPONENTS)
    ]
    smallest = min(test.pvalue for test in tests)
    return max(test.statistic for test in tests), min(1.0, len(tests) * smallest)


def sign_count(network: dict) -> tuple[float, float]:
    """Test with concept activation vectors (TCAV, Kim et al. 2018).

    The vector of a scanner is the direction of a probe of this scanner against the
    others. The gradient of a logit of a linear head is a row of its weights, so the
    logit of the predicted class rises along the vector or falls. Value: how far the
    share of images on which it rises is from one half, times 2, mean over scanners.
    The p-value is against probes of permuted scanners.
    """
    embeddings, scanner = network["embeddings"].astype(float), network["scanner"]
    gradients = network["target_coef"][_logits(network).argmax(axis=1)]
    generator = np.random.default_rng(0)
    permuted = [
        _one_sidedness(embeddings, generator.permutation(scanner), gradients)
        for _ in range(N_PERMUTED_DIRECTIONS)
    ]
    value = _one_sidedness(embeddings, scanner, gradients)
    n_reaching = np.sum(np.array(permuted) >= value)
    return value, (n_reaching + 1) / (N_PERMUTED_DIRECTIONS + 1)


def _one_sidedness(
    embeddings: np.ndarray, scanner: np.ndarray, gradients: np.ndarray
) -> float:
    shares = [
        np.mean(gradients @ _direction(embeddings, scanner == code) > 0.0)
        for code in np.unique(scanner)
    ]
    return 2.0 * float(np.mean(np.abs(np.array(shares) - 0.5)))


def _direction(embeddings: np.ndarray, is_scanner: np.ndarray) -> np.ndarray:
    probe = LogisticRegression(solver="newton-cholesky", max_iter=1000)
    return probe.fit(embeddings, is_scanner).coef_[0]


def common_effect(network: dict, n_permutations: int) -> tuple[float, float]:
    """Effect of the scanner that is the same in all classes, at fixed target.

    Logits are regressed on target and scanner, without their products. As in the
    package, the mean square under permutations within the target is removed.
    """
    outputs = centre_over_classes(_logits(network))
    unit = outputs.var(axis=0).sum()
    target, scanner = network["target"], network["scanner"]
    beside = _centre_within(outputs, target)
    square = _mean_square_effect(beside, scanner, target)
    generator = np.random.default_rng(0)
    null = np.array(
        [
            _mean_square_effect(
                beside, _permute_within(target, scanner, generator), target
            )
            for _ in range(n_permutations)
        ]
    )
    value = np.sqrt(max(square - null.mean(), 0.0) / unit)
    return value, (np.sum(null >= square) + 1) / (n_permutations + 1)


def _logits(network: dict) -> np.ndarray:
    embeddings = network["embeddings"].astype(float)
    return embeddings @ network["target_coef"].T + network["target_intercept"]


def _mean_square_effect(
    beside: np.ndarray, scanner: np.ndarray, target: np.ndarray
) -> float:
    """Mean over scanners of the squared length of their effects."""
    indicators = np.eye(scanner.max() + 1)[scanner]
    # The solution of least length: effects add up to zero over scanners.
    effects = np.linalg.lstsq(_centre_within(indicators, target), beside)[0]
    return float(np.mean(np.sum(effects**2, axis=1)))


def _permute_within(
    target: np.ndarray, scanner: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    permuted = np.empty_like(scanner)
    by_class = np.argsort(target, kind="stable")
    permuted[by_class] = scanner[np.lexsort((generator.random(len(target)), target))]
    return permuted


def _centre_within(values: np.ndarray, target: np.ndarray) -> np.ndarray:
    classes = np.eye(target.max() + 1)[target]
    means = (classes.T @ values) / classes.sum(axis=0)[:, None]
    return values - means[target]
