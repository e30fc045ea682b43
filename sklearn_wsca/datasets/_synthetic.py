"""Synthetic embeddings whose encoding and use of a scanner are known exactly."""

from numbers import Integral, Real
from string import ascii_uppercase

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from sklearn_wsca.datasets._bunch import pack_dataset
from sklearn_wsca.datasets._limits import check_limits

_N_BATCHES = 4

# name -> (type, smallest value, largest value)
_LIMITS = {
    "n_samples": (Integral, 1, None),
    "n_features": (Integral, 4, None),
    "n_classes": (Integral, 2, None),
    "n_levels": (Integral, 2, len(ascii_uppercase)),
    "encoding": (Real, 0.0, None),
    "use": (Real, 0.0, None),
    "association": (Real, 0.0, 1.0),
    "signal": (Real, 0.0, None),
    "noise": (Real, 0.0, None),
    "rows_per_group": (Integral, 1, None),
    "group_effect": (Real, 0.0, None),
}

_DESCRIPTION = """\
Synthetic embeddings of images from several scanners
-----------------------------------------------------

An embedding is the sum of an offset, a direction for the class of the image, a
direction for its scanner, an effect of the patient and noise. All directions are
orthogonal. The columns age and batch have no influence on the embedding. The share
of the head's output that each column moves is known from the model and given as
`true_utilization`.
"""


def _check_combination(noise, n_features, n_directions):
    """Fail with the name of the argument that does not suit the others."""
    if noise == 0:
        raise ValueError("noise == 0, must be > 0.")
    if n_features < n_directions:
        raise ValueError(
            f"n_features == {n_features}, must be >= n_classes + n_levels == "
            f"{n_directions}: every class and every scanner has a direction of its own."
        )


def _draw_directions(n_features, n_directions, generator):
    """Rows of random orthonormal directions, (n_directions, n_features)."""
    gaussian = generator.standard_normal((n_features, n_directions))
    return np.linalg.qr(gaussian)[0].T


def _linked_levels(n_classes, n_levels):
    """Which scanner goes with which class, boolean (n_classes, n_levels)."""
    return np.arange(n_classes)[:, None] % n_levels == np.arange(n_levels)


def _joint_distribution(n_classes, n_levels, association):
    """Probability of each pair of class and level, (n_classes, n_levels)."""
    linked = _linked_levels(n_classes, n_levels)
    return (association * linked + (1 - association) / n_levels) / n_classes


def _head_loadings(n_classes, n_levels, use):
    """Head in coordinates of the directions, (rows, n_classes + n_levels).

    A class loads on the scanner that `association` links it with: the direction in
    which a network would learn the shortcut.
    """
    scanner_loadings = use * _linked_levels(n_classes, n_levels)
    loadings = np.hstack([np.eye(n_classes), scanner_loadings])
    return loadings[1:] - loadings[:1] if n_classes == 2 else loadings


def _scanner_utilization(loadings, joint, signal, encoding, noise_variance):
    """Compute the population utilization of the scanner from the parameters."""
    n_classes = joint.shape[0]
    if n_classes > 2:
        loadings = loadings - loadings.mean(axis=0)
    class_effects = signal * loadings[:, :n_classes]
    level_effects = encoding * loadings[:, n_classes:]
    contrasts = level_effects - level_effects.mean(axis=1, keepdims=True)

    cell_means = class_effects[:, :, None] + level_effects[:, None, :]
    grand_mean = np.sum(joint * cell_means, axis=(1, 2), keepdims=True)
    between_cells = np.sum(joint * (cell_means - grand_mean) ** 2)
    total_variance = between_cells + noise_variance * np.sum(loadings**2)
    return float(np.sqrt(np.mean(np.sum(contrasts**2, axis=0)) / total_variance))


def _draw_labels(n_groups, n_classes, n_levels, association, generator):
    """Draw the target class and the scanner level of each group."""
    target = generator.randint(n_classes, size=n_groups)
    free_level = generator.randint(n_levels, size=n_groups)
    # Always drawn, so that data of one seed differ in nothing but the association.
    is_linked = generator.uniform(size=n_groups) < association
    return target, np.where(is_linked, target % n_levels, free_level)


def _numbered(word, codes, n_codes, first=0):
    """Label codes with a padded number, so that text order is the order of codes."""
    width = len(str(n_codes - 1 + first))
    names = [f"{word} {code + first:0{width}d}" for code in range(n_codes)]
    return np.array(names)[codes]


def _draw_metadata(group, target, level, n_classes, generator):
    """Draw age and batch and join them with the labels, one row per sample."""
    age = generator.normal(60.0, 12.0, size=len(target))
    batch = generator.randint(_N_BATCHES, size=len(group))
    scanners = np.array([f"scanner {letter}" for letter in ascii_uppercase])
    return pd.DataFrame(
        {
            "target": _numbered("class", target, n_classes)[group],
            "scanner": scanners[level][group],
            "age": age[group],
            "batch": _numbered("batch", batch, _N_BATCHES, first=1),
        }
    )


def _add_noise(centres, group, noise, group_effect, generator):
    """Turn the centres of the groups into embeddings of their rows."""
    n_features = centres.shape[1]
    embeddings = noise * generator.standard_normal((len(group), n_features))
    if group_effect > 0:
        displacements = generator.standard_normal(centres.shape)
        centres = centres + noise * group_effect * displacements
    return embeddings + centres[group]


def make_shortcut(
    n_samples=1000,
    n_features=64,
    *,
    n_classes=2,
    n_levels=3,
    encoding=1.0,
    use=0.0,
    association=0.0,
    signal=1.0,
    noise=1.0,
    rows_per_group=1,
    group_effect=0.0,
    random_state=None,
    return_X_y=False,
    as_frame=False,
):
    r"""Make embeddings that encode a scanner and a head that uses it, or not.

    How strongly the embedding encodes the scanner, how much the head uses it and how
    strongly scanner and target are associated are three independent parameters. The
    true utilization of each column is returned.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.

    n_features : int, default=64
        Dimension of the embedding, at least ``n_classes + n_levels``.

    n_classes : int, default=2
        Number of classes of the target. With two classes the head has one row.

    n_levels : int, default=3
        Number of scanners, 2 to 26.

    encoding : float, default=1.0
        Length of the displacement by each scanner, in units of the embedding. With 0
        the embedding holds no trace of the scanner.

    use : float, default=0.0
        Weight of the scanner directions in the head; a class direction has weight 1.
        With 0 the head is orthogonal to every scanner displacement.

    association : float, default=0.0
        Probability that a scanner is determined by the class instead of drawn at
        random; 0 makes the two independent, 1 makes the scanner a function of the
        class.

    signal : float, default=1.0
        Length of the displacement by each class, in units of the embedding.

    noise : float, default=1.0
        Standard deviation of the noise in each feature, larger than 0.

    rows_per_group : int, default=1
        Rows of one patient. Target, scanner and age are constant within a patient.

    group_effect : float, default=0.0
        Standard deviation of the patients' random displacement in each feature, in
        units of `noise`. With one row per patient it only adds to the noise.

    random_state : int, RandomState instance or None, default=None
        Determines everything that is drawn. Pass an int for the same data in every
        call.

    return_X_y : bool, default=False
        If True, return ``(data, metadata)`` instead of a Bunch. The whole metadata
        table, target included, is what the estimators of this package take as `y`.

    as_frame : bool, default=False
        If True, the embeddings are a DataFrame and the target is a Series.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch` or tuple (data, metadata)
        The tuple if `return_X_y` is true, else an object with the attributes

        data : {ndarray, DataFrame} of shape (n_samples, n_features)
            The embeddings, float64.
        metadata : DataFrame of shape (n_samples, 4 or 5)
            Columns target ("class 0", ...), scanner ("scanner A", ...), age (years,
            unrelated to everything), batch (random and not encoded) and, if
            `rows_per_group` is larger than 1, patient.
        target : {ndarray, Series} of shape (n_samples,)
            The column target.
        target_name : str
            "target".
        head : tuple (coef, intercept)
            Shapes (1, n_features) and (1,) for two classes, else
            (n_classes, n_features) and (n_classes,). Rows follow the sorted class
            names; the one row of a binary head is the log-odds of "class 1".
        true_utilization : dict of str to float
            Population utilization of scanner, age and batch, in standard deviations
            of the head's output.
        feature_names : list of str
            Names of the features.
        frame : DataFrame or None
            Embeddings and metadata side by side; only if `as_frame` is true.
        DESCR : str
            Description of the data set.

    Raises
    ------
    ValueError
        If an argument is out of its range, or if `n_features` leaves no room for
        orthogonal directions of all classes and scanners.
    TypeError
        If an argument is not a number of the required kind.

    See Also
    --------
    load_heart_hospitals : A network trained on real patients.

    Notes
    -----
    Row i of class t, scanner s and patient g is

    .. math:: z_i = o + \text{signal}\, d_t + \text{encoding}\, e_s
              + \text{noise}\, (\text{group\_effect}\, u_g + \varepsilon_i)

    with a fixed offset o, orthonormal directions :math:`d_t` and :math:`e_s`, and
    standard normal :math:`u_g` and :math:`\varepsilon_i`. The row of class c of the
    head and its intercept are

    .. math:: w_c = d_c + \text{use}\, e_{c \bmod J}, \qquad b_c = -w_c \cdot o

    where J is `n_levels`; the head of two classes is the difference of its two rows.
    `association` links class c with the same scanner, c mod J.

    With the rows of the head W centred over classes (a single row is left as it is),
    :math:`D_j = \text{encoding}\,(e_j - \bar e)` the displacement by scanner j at
    fixed class, and :math:`V` the sum of the population variances of the outputs, the
    utilization of the scanner is

    .. math:: \sqrt{\frac{1}{J} \sum_j \lVert W D_j \rVert^2} \Big/ \sqrt{V}.

    V follows from the parameters, not from the sample: the variance between the cells
    of class and scanner plus
    :math:`\text{noise}^2 (1 + \text{group\_effect}^2) \lVert W \rVert_F^2`.

    References
    ----------
    .. [1] C. K. Wong et al., "Weight Space Correlation Analysis: Quantifying Feature
       Utilization in Deep Learning Models", MIDL 2026, PMLR 315:2711-2737,
       arXiv 2512.13144.

    Examples
    --------
    The scanner is encoded in both data sets, but only the second head uses it.

    >>> from sklearn_wsca.datasets import make_shortcut
    >>> unused = make_shortcut(encoding=2.0, use=0.0, random_state=0)
    >>> used = make_shortcut(encoding=2.0, use=0.5, random_state=0)
    >>> unused.true_utilization["scanner"]
    0.0
    >>> round(used.true_utilization["scanner"], 1)
    0.4
    >>> used.data.shape
    (1000, 64)
    >>> used.metadata.columns.tolist()
    ['target', 'scanner', 'age', 'batch']
    """
    check_limits(_LIMITS, locals())
    _check_combination(noise, n_features, n_classes + n_levels)
    generator = check_random_state(random_state)
    group = np.arange(n_samples) // rows_per_group
    directions = _draw_directions(n_features, n_classes + n_levels, generator)
    offset = 3.0 * generator.standard_normal(n_features)
    target, level = _draw_labels(
        group[-1] + 1, n_classes, n_levels, association, generator
    )
    metadata = _draw_metadata(group, target, level, n_classes, generator)
    if rows_per_group > 1:
        metadata["patient"] = _numbered("patient", group, len(target), first=1)
    class_shift = signal * directions[target]
    scanner_shift = encoding * directions[n_classes + level]
    embeddings = _add_noise(
        offset + class_shift + scanner_shift, group, noise, group_effect, generator
    )

    loadings = _head_loadings(n_classes, n_levels, use)
    coef = loadings @ directions
    utilization = _scanner_utilization(
        loadings,
        _joint_distribution(n_classes, n_levels, association),
        signal,
        encoding,
        noise_variance=noise**2 * (1 + group_effect**2),
    )
    return pack_dataset(
        embeddings,
        metadata,
        target_name="target",
        feature_names=[f"feature_{index}" for index in range(n_features)],
        return_X_y=return_X_y,
        as_frame=as_frame,
        head=(coef, -coef @ offset),
        true_utilization={"scanner": utilization, "age": 0.0, "batch": 0.0},
        DESCR=_DESCRIPTION,
    )
