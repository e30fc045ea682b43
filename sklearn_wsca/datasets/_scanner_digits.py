"""Digit images as three simulated scanners would acquire them."""

from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.utils import check_random_state

from sklearn_wsca.datasets._bunch import pack_dataset
from sklearn_wsca.datasets._limits import check_limits

_N_DIGITS = 10
_LARGEST_GREY_VALUE = 16
_SCANNERS = np.array(["scanner A", "scanner B", "scanner C"])
_BRIGHTEST_SHADING = 0.9
_BRIGHTEST_STRIPE = 0.7

# name -> (type, smallest value, largest value)
_LIMITS = {
    "n_classes": (Integral, 2, _N_DIGITS),
    "artefact": (Real, 0.0, 1.0),
    "association": (Real, 0.0, 1.0),
}

_DESCRIPTION = """\
Handwritten digits from three simulated scanners
-------------------------------------------------

The 1797 digit images of 8 x 8 pixels that come with scikit-learn (E. Alpaydin,
C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository, 1998, CC BY 4.0), scaled to 0..1. Scanner A leaves an image as it is,
scanner B brightens it more and more from left to right, scanner C brightens every
second row. Bright pixels change least, so contrast is lost. `rendered` holds every
image under every scanner: what a network makes of the scanner can be measured.
"""


def _make_patterns(shape):
    """Stray light of each scanner at full strength, (3, height, width)."""
    none = np.zeros(shape)
    shading = np.broadcast_to(np.linspace(0.0, _BRIGHTEST_SHADING, shape[1]), shape)
    stripes = np.zeros(shape)
    stripes[1::2] = _BRIGHTEST_STRIPE
    return np.stack([none, shading, stripes])


def _group_digits(digits, n_classes):
    """Join neighbouring digits to classes; codes and names of the classes."""
    groups = np.array_split(np.arange(_N_DIGITS), n_classes)
    class_of_digit = np.repeat(np.arange(n_classes), [len(group) for group in groups])
    names = [
        f"{group[0]}-{group[-1]}" if len(group) > 1 else f"{group[0]}"
        for group in groups
    ]
    return class_of_digit[digits], np.array(names)


def _draw_scanners(classes, association, generator):
    """Draw the scanner of each image."""
    free = generator.randint(len(_SCANNERS), size=len(classes))
    # Always drawn, so that data of one seed differ in nothing but the association.
    is_linked = generator.uniform(size=len(classes)) < association
    return np.where(is_linked, classes % len(_SCANNERS), free)


def make_scanner_digits(
    *,
    n_classes=10,
    artefact=1.0,
    association=0.0,
    random_state=None,
    return_X_y=False,
    as_frame=False,
):
    r"""Make digit images from three simulated scanners, each under every scanner.

    A network that is trained on these images may use the scanner as a shortcut to the
    class. How much it does is measured by showing it the same images as the other
    scanners would have acquired them.

    ==================   ==============================================
    Samples              1797 images of 8 x 8 pixels
    Features             64 grey values, 0 to 1, float64
    Target               the digit, or groups of neighbouring digits
    Metadata             scanner (3 levels)
    ==================   ==============================================

    Parameters
    ----------
    n_classes : int, default=10
        Number of classes of the target, 2 to 10. With fewer than 10, neighbouring
        digits are joined, for example to "0-2", "3-5", "6-7" and "8-9".

    artefact : float, default=1.0
        Strength of the scanners' artefacts, 0 to 1. With 0 the scanners are the same,
        with 0.1 their difference is barely visible, with 1 it is obvious.

    association : float, default=0.0
        Probability that a scanner is determined by the class instead of drawn at
        random; 0 makes the two independent, 1 makes the scanner a function of the
        class.

    random_state : int, RandomState instance or None, default=None
        Determines which image comes from which scanner. Pass an int for the same
        data in every call.

    return_X_y : bool, default=False
        If True, return ``(data, metadata)`` instead of a Bunch. The whole metadata
        table, target included, is what the estimators of this package take as `y`.

    as_frame : bool, default=False
        If True, the grey values are a DataFrame and the target is a Series.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch` or tuple (data, metadata)
        The tuple if `return_X_y` is true, else an object with the attributes

        data : {ndarray, DataFrame} of shape (1797, 64)
            The images as their scanners acquired them, one per row.
        metadata : DataFrame of shape (1797, 2)
            Columns target and scanner ("scanner A", "scanner B", "scanner C").
        target : {ndarray, Series} of shape (1797,)
            The column target.
        target_name : str
            "target".
        images : ndarray of shape (1797, 8, 8)
            The rows of `data` as images.
        rendered : ndarray of shape (3, 1797, 8, 8)
            Every image under every scanner, scanners in the order of their names.
        feature_names : list of str
            Names of the pixels.
        frame : DataFrame or None
            Grey values and metadata side by side; only if `as_frame` is true.
        DESCR : str
            Description of the data set.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If an argument is not a number of the required kind.

    See Also
    --------
    make_shortcut : Synthetic embeddings with a known answer.

    Notes
    -----
    Class number c is linked with the same scanner by `association`, number c mod 3.
    Under scanner j a pixel of grey value x, in 0..1, becomes

    .. math:: x + \text{artefact}\, p_j \, (1 - x).

    The pattern :math:`p_j` is 0 for scanner A, rises from 0 in the leftmost to 0.9 in
    the rightmost column for scanner B, and is 0.7 in every second row for scanner C.

    References
    ----------
    .. [1] E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI
       Machine Learning Repository, 1998. CC BY 4.0.

    Examples
    --------
    >>> from sklearn_wsca.datasets import make_scanner_digits
    >>> digits = make_scanner_digits(n_classes=4, association=0.9, random_state=0)
    >>> digits.data.shape
    (1797, 64)
    >>> digits.rendered.shape
    (3, 1797, 8, 8)
    >>> digits.metadata.groupby("target")["scanner"].agg(lambda names: names.mode()[0])
    target
    0-2    scanner A
    3-5    scanner B
    6-7    scanner C
    8-9    scanner A
    Name: scanner, dtype: ...
    """
    check_limits(_LIMITS, locals())
    generator = check_random_state(random_state)
    source = load_digits()
    clean = source.images / _LARGEST_GREY_VALUE
    classes, class_names = _group_digits(source.target, n_classes)
    scanners = _draw_scanners(classes, association, generator)
    patterns = _make_patterns(clean.shape[1:])[:, None]
    rendered = clean + artefact * patterns * (1.0 - clean)
    images = rendered[scanners, np.arange(len(clean))]
    labels = {"target": class_names[classes], "scanner": _SCANNERS[scanners]}
    metadata = pd.DataFrame(labels)
    return pack_dataset(
        images.reshape(len(images), -1),
        metadata,
        target_name="target",
        feature_names=list(source.feature_names),
        return_X_y=return_X_y,
        as_frame=as_frame,
        images=images,
        rendered=rendered,
        DESCR=_DESCRIPTION,
    )
