"""Agreement of the batched logistic solver with scikit-learn in hard regimes."""

import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression

from sklearn_wsca._heads.probe import BATCH_TOLERANCES, batch_precision
from sklearn_wsca._linear.design import prepare_design
from sklearn_wsca._linear.solvers import fit_logistic

REGIMES = {
    "3 even classes": (400, 20, 3, "noise"),
    "encoded, 4 classes": (600, 30, 4, "encoded"),
    "rare class, 3 of 300": (300, 20, 2, "rare"),
    "rare class, 3 of 2500": (2500, 100, 5, "rare"),
    "n < k": (60, 200, 4, "noise"),
    "separable": (2500, 100, 4, "separable"),
    "even classes, large": (4000, 200, 3, "noise"),
}


def make_regime(n, k, n_classes, kind):
    """Rows, and labels followed by two permutations of them."""
    rng = np.random.default_rng(0)
    T = rng.standard_normal((n, k)) * np.sqrt(np.geomspace(1.0, 1e-2, k))
    T -= T.mean(axis=0)
    T /= np.sqrt(np.mean(T**2))
    labels = rng.integers(0, n_classes, n)
    if kind == "rare":
        labels = rng.integers(0, max(n_classes - 1, 1), n)
        labels[:3] = n_classes - 1
    if kind in ("separable", "encoded"):
        noise = rng.gumbel(size=(n, n_classes)) * (kind == "encoded")
        labels = (T[:, :n_classes] + noise).argmax(axis=1)
    return T, np.stack([labels] + [rng.permutation(labels) for _ in range(2)])


def agreement(quick):
    """Cosines with scikit-learn's coefficients, and differences of alignments."""
    print("agreement with scikit-learn (newton-cg, tol 1e-10), batches as in the null:")
    head = np.random.default_rng(1).standard_normal((3, 200))
    for name, (n, k, n_classes, kind) in REGIMES.items():
        T, codes = make_regime(n, k, n_classes, kind)
        for C in (1.0, 1e4):
            # Double precision for small tables, single for large ones, as in a fit.
            for precision in {"float64", batch_precision(n)}:
                rows, tolerance = T.astype(precision), BATCH_TOLERANCES[precision]
                design = prepare_design(rows, np.ones(n), precision)
                fit = fit_logistic(design, codes, n_classes, C, tolerance=tolerance)
                cosine, difference = compare(T, codes, C, fit.coef, head[:, :k])
                print(
                    f"  {name:22} C={C:<7g} {precision}: smallest cosine "
                    f"1 - {1 - cosine:.0e}, largest difference of alignments "
                    f"{difference:.0e}, converged {fit.converged.mean():.0%}"
                )
        if quick:
            break


def compare(T, codes, C, coefs, head):
    """Smallest cosine of a row, largest difference of an alignment with `head`."""
    cosines, differences = [], []
    for labels, coef in zip(codes, coefs, strict=True):
        oracle = LogisticRegression(C=C, tol=1e-10, max_iter=2000, solver="newton-cg")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = unit(oracle.fit(T, labels).coef_)
        cosines.append(np.sum(unit(coef) * expected, axis=1).min())
        differences.append(np.abs((unit(coef) - expected) @ unit(head).T).max())
    return min(cosines), max(differences)


def unit(rows):
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
