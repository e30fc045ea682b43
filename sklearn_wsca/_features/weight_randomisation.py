"""Whether activation maps depend on what a network has learnt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.utils import check_random_state

from sklearn_wsca._backend.namespace import is_tensor, to_numpy
from sklearn_wsca._features.arguments import read_groups
from sklearn_wsca._input.settings import check_number
from sklearn_wsca._permutation.plan import count_reached

FEWEST_UNITS = 5
# Similarities above this quantile of the null are what a test at 5 % detects.
DETECTED = 0.95


@dataclass(frozen=True)
class WeightRandomisationResult:
    """What maps of a trained and of randomised networks have in common.

    Parameters
    ----------
    similarity : float
        Mean rank correlation over positions of the map of the trained network and those
        of the randomised ones for the same sample; 1 for maps that do not depend on the
        weights.
    chance : float
        The same for maps of *different* samples (groups): what maps have in common
        whatever the image, such as a bright centre.
    pvalue : float
        Of the null hypothesis that maps of these randomised networks tell nothing of
        the sample that the trained network's map does: small where the two are more
        alike for the same sample than for different ones. A large one is no proof that
        they are not, see `detectable`.
    detectable : float
        Similarity above which the p-value would have been below 5 %.
    by_network : ndarray of shape (n_networks,)
        `similarity` of each randomised network.
    n_units : int
        Samples, or groups, that were exchanged.
    n_constant : int
        Maps without two different values, whose similarity counts as 0.
    null_distribution : ndarray of shape (n_permutations,)
        Similarity of the permutations.
    """

    similarity: float
    chance: float
    pvalue: float
    detectable: float
    by_network: np.ndarray
    n_units: int
    n_constant: int
    null_distribution: np.ndarray


def weight_randomisation_test(
    maps: Any,
    randomised: Iterable,
    *,
    groups: Any = None,
    n_permutations: int = 999,
    random_state: Any = None,
) -> WeightRandomisationResult:
    r"""Compare maps of a trained network with those of randomised copies of it.

    A sanity check of a method of activation maps [1]_: what it shows of a network with
    exchanged weights comes from the image and the architecture, not from training.

    Parameters
    ----------
    maps : array-like of shape (n_samples, \*spatial)
        Maps of the trained network, on any scale that keeps their order.
    randomised : iterable of array-like of shape (n_samples, \*spatial)
        Maps of the same samples and classes by the same method: one array for each
        randomised network (`sklearn_wsca.torch.randomise_weights`), five or more for a
        mean that does not hang on one of them.
    groups : array-like of shape (n_samples,), default=None
        What is independent of others of its kind, such as the patient: groups are
        exchanged as wholes, each by its mean over pairs of its samples.
    n_permutations : int, default=999
        Random exchanges of the samples; the smallest p-value is
        1 / (n_permutations + 1).
    random_state : int, RandomState or None, default=None
        Seed of the permutations.

    Returns
    -------
    WeightRandomisationResult
        Similarity, what it is by chance, and the p-value of their difference.

    Raises
    ------
    ValueError
        If shapes differ, values are not finite, or there are fewer than five samples or
        groups.

    See Also
    --------
    evaluate_activation_maps : Whether maps point at what the network decides by.

    Notes
    -----
    Values are ranked over the positions within each map, and :math:`t_i`,
    :math:`r_{ij}` are the ranks of sample i by the trained network and by randomised
    network j, centred and brought to length 1. With m networks and permutations
    :math:`\pi` of the n samples,

    .. math::

       \text{similarity}_\pi = \frac{1}{n m} \sum_{i,j} t_i \cdot r_{\pi(i) j}, \qquad
       p = \frac{1 + \#\{\pi : \text{similarity}_\pi \ge \text{similarity}\}}
       {1 + \text{permutations}},

    `similarity` being that without exchange and `chance` the mean over all pairs of
    samples. The p-value is conditional on the randomised networks. It is no verdict on
    a method: convolutions with any weights answer to edges, so a small part of a good
    map survives too, and how large `similarity` is counts for more than whether it is
    above chance. Where the trained network itself looks at the whole of an image, maps
    are alike because the images are.

    References
    ----------
    .. [1] J. Adebayo et al., "Sanity checks for saliency maps", NeurIPS, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_wsca import weight_randomisation_test
    >>> rng = np.random.default_rng(0)
    >>> images = rng.normal(size=(40, 8, 8))
    >>> edges = np.abs(np.diff(images, axis=1))  # whatever the weights
    >>> result = weight_randomisation_test(edges, [edges, 2 * edges], random_state=0)
    >>> round(result.similarity, 6), result.pvalue
    (1.0, 0.001)
    >>> other = rng.normal(size=(5, *edges.shape))  # nothing is left
    >>> weight_randomisation_test(edges, other, random_state=0).pvalue > 0.05
    True
    """
    check_number(n_permutations, "n_permutations", Integral, min_val=0)
    trained = _rank(maps, "maps")
    networks = [
        _rank(given, f"randomised[{j}]", np.shape(maps))
        for j, given in enumerate(randomised)
    ]
    if not networks:
        raise ValueError("randomised: there is none; pass maps of at least one.")
    n_constant = sum(int((~one.any(axis=1)).sum()) for one in (trained, *networks))
    codes = read_groups(groups, len(trained))
    trained, *networks = (_average_within(codes, one) for one in (trained, *networks))
    if len(trained) < FEWEST_UNITS:
        raise ValueError(
            f"maps: {len(trained)} {'samples' if groups is None else 'groups'}; pass "
            f"{FEWEST_UNITS} or more, which can be exchanged for each other."
        )
    by_network = np.array([_mean_product(trained, one) for one in networks])
    mean = np.mean(networks, axis=0)
    observed = _mean_product(trained, mean)
    random = check_random_state(random_state)
    null = np.array(
        [
            _mean_product(trained, mean[random.permutation(len(mean))])
            for _ in range(n_permutations)
        ]
    )
    reached = count_reached(observed, null)
    return WeightRandomisationResult(
        similarity=observed,
        chance=float(trained.mean(axis=0) @ mean.mean(axis=0)),
        pvalue=float((reached + 1) / (n_permutations + 1)),
        detectable=float(np.quantile(null, DETECTED)) if n_permutations else np.nan,
        by_network=by_network,
        n_units=len(trained),
        n_constant=n_constant,
        null_distribution=null,
    )


def _rank(maps: Any, argument: str, shape: tuple | None = None) -> np.ndarray:
    """Ranks over the positions (n, P), centred and of length 1; 0 where all are equal.

    Raises
    ------
    ValueError
        If there are no finite maps, or not of the shape.
    """
    values = np.asarray(to_numpy(maps) if is_tensor(maps) else maps)
    if values.ndim < 2 or 0 in values.shape or values.dtype.kind not in "fiub":
        raise ValueError(
            f"{argument}: an array of shape {values.shape} and type {values.dtype}; "
            "pass one map of real numbers per sample, (n_samples, *spatial)."
        )
    if shape is not None and values.shape != shape:
        raise ValueError(
            f"{argument}: the maps have the shape {values.shape}, those of the trained "
            f"network {shape}; pass maps of the same samples and layer."
        )
    flat = values.reshape(len(values), -1)
    broken = np.flatnonzero(~np.isfinite(flat).all(axis=1))
    if len(broken):
        raise ValueError(
            f"{argument}: {len(broken)} of {len(flat)} maps hold NaN or infinity, the "
            f"first is row {broken[0]}; leave these samples out everywhere."
        )
    ranks = stats.rankdata(flat, axis=1) - (flat.shape[1] + 1) / 2
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    return np.divide(ranks, length, out=np.zeros_like(ranks), where=length > 0)


def _average_within(codes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Mean of the rows (n, P) of each group."""
    return pd.DataFrame(rows).groupby(codes).mean().to_numpy()


def _mean_product(rows: np.ndarray, others: np.ndarray) -> float:
    return float(np.einsum("ip,ip->", rows, others) / len(rows))
