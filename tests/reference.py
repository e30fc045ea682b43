"""Slow, obvious oracles that the tests compare the library with.

Nothing here calls the numerics of the library. It only takes the permutations from
`PermutationPlan`, because p-values are the same only for the same permutations.
Everything is a plain loop over columns, permutations, folds and rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import check_random_state

from sklearn_wsca._permutation.plan import PermutationPlan

TIE = 1e-6


# --- data ----------------------------------------------------------------------------


def make_study(seed=0, n=120, d=8, shared=0.25):
    """Embeddings with unequal scales and non-zero means, and columns of every kind.

    `shared` is how strongly the columns move the embeddings.
    """
    rng = np.random.default_rng(seed)
    disease = rng.integers(0, 2, n)
    site = rng.integers(0, 3, n)
    sex = (rng.random(n) < 0.35 + 0.2 * disease).astype(int)
    age = 61.0 + 12.0 * rng.standard_normal(n) + 4.0 * disease
    directions = rng.standard_normal((5, d))
    X = rng.standard_normal((n, d)) + 0.7 * disease[:, None] * directions[0]
    X += shared * 0.6 * (site == 1)[:, None] * directions[1]
    X += shared * 0.6 * (site == 2)[:, None] * directions[2]
    X += shared * 0.5 * sex[:, None] * directions[3]
    X += shared * 0.04 * (age - 61.0)[:, None] * directions[4]
    X = X * np.linspace(0.5, 2.5, d) + rng.normal(5.0, 3.0, d)
    table = pd.DataFrame(
        {
            "disease": np.array(["healthy", "ill"])[disease],
            "site": np.array(["Aarhus", "Bergen", "Cork"])[site],
            "sex": np.array(["f", "m"])[sex],
            "age": age,
            "dose": 2e-3 + 4e-4 * rng.standard_normal(n) + 2e-5 * (age - 61.0),
            "stage": np.array(["I", "II", "III"])[
                np.clip(disease + rng.integers(0, 2, n), 0, 2)
            ],
            "severity": -40.0 + 7.0 * rng.standard_normal(n) + 5.0 * disease,
        }
    )
    return X, table


def with_gaps(table, seed=0, share=0.2):
    """The same table with a different part of every column missing."""
    rng = np.random.default_rng(seed)
    table = table.copy()
    for name in table.columns:
        table[name] = table[name].mask(rng.random(len(table)) < share)
    return table


# --- principal directions ------------------------------------------------------------


def choose_k(ratios, n_components, min_components):
    """The 99 %/50 rule of the paper, one direction at a time."""
    if n_components is None:
        return len(ratios)
    if isinstance(n_components, int):
        return min(n_components, len(ratios))
    explained = 0.0
    k = 0
    for ratio in ratios:
        if explained >= n_components - 1e-12:
            break
        explained += ratio
        k += 1
    return min(max(k, min_components), len(ratios))


@dataclass
class Principal:
    """Principal directions by SVD of the weighted, centred rows."""

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    total: float
    rank: int
    covariance: np.ndarray | None

    @property
    def scale(self):
        return np.sqrt(np.mean(self.variances))

    def coordinates(self, X):
        return (X - self.mean) @ self.directions.T / self.scale


def principal_directions(X, weights, n_components=0.99, min_components=50):
    X = np.asarray(X, dtype=np.float64)
    mean = np.average(X, axis=0, weights=weights)
    rows = (X - mean) * np.sqrt(weights / weights.sum())[:, None]
    singular, directions = np.linalg.svd(rows, full_matrices=False)[1:]
    rank = int(np.sum(singular > singular[0] * max(X.shape) * 2.2e-16))
    variances = singular[:rank] ** 2
    k = choose_k(variances / variances.sum(), n_components, min_components)
    covariance = rows.T @ rows if X.shape[1] <= 500 else None
    return Principal(
        mean, directions[:k], variances[:k], variances.sum(), rank, covariance
    )


# --- heads ---------------------------------------------------------------------------


def fit_head(T, labels, kind, C=1.0, alpha=1.0, weights=None):
    """Coefficients (rows, k) and intercepts of a head on the rows T."""
    labels = np.asarray(labels)
    if weights is None:
        weights = np.ones(len(T))
    if kind == "logistic":
        model = LogisticRegression(
            C=C, tol=1e-11, solver="newton-cholesky", max_iter=500
        )
        model.fit(T, labels, sample_weight=weights)
        return model.coef_, model.intercept_
    if labels.dtype.kind == "f":
        responses = labels[:, None]
    else:
        levels = np.unique(labels)
        responses = (labels[:, None] == levels).astype(float)
    coef, intercept = [], []
    for response in responses.T:
        model = Ridge(alpha=alpha, solver="cholesky").fit(
            T, response, sample_weight=weights
        )
        coef.append(model.coef_)
        intercept.append(model.intercept_)
    return np.array(coef), np.array(intercept)


def in_unit_of_embeddings(principal, coef, intercept):
    coef = coef @ principal.directions / principal.scale
    return coef, intercept - coef @ principal.mean


def centre_classes(coef, kind):
    """A vector added to all rows of a softmax head changes nothing: remove it."""
    if kind == "logistic" and len(coef) > 1:
        return coef - coef.mean(axis=0)
    return coef


# --- alignment -----------------------------------------------------------------------


def cosine(a, b):
    return float(a @ b / (np.sqrt(a @ a) * np.sqrt(b @ b)))


def align(w_primary, w_metadata, principal, metric, projected=True):
    """Matrix of alignments, from the formulas of the documentation, section 1."""
    P = principal.directions
    S = principal.covariance
    matrix = np.empty((len(w_primary), len(w_metadata)))
    for i, a in enumerate(w_primary):
        for j, m in enumerate(w_metadata):
            if metric == "score":
                matrix[i, j] = (a @ S @ m) / np.sqrt((a @ S @ a) * (m @ S @ m))
            elif metric == "pattern":
                matrix[i, j] = (
                    cosine(P @ a, P @ (S @ m)) if projected else cosine(a, S @ m)
                )
            else:
                matrix[i, j] = cosine(P @ a, P @ m) if projected else cosine(a, m)
    return matrix


def aggregate(matrix, how):
    values = [abs(value) for row in matrix for value in row]
    if how == "rms":
        return np.sqrt(sum(value**2 for value in values) / len(values))
    return max(values) if how == "max" else sum(values) / len(values)


# --- p-values ------------------------------------------------------------------------


def add_one_pvalue(observed, null, tie=TIE):
    reached = 0
    for value in null:
        if value >= observed - tie * abs(observed):
            reached += 1
    return (reached + 1) / (len(null) + 1)


def besag_clifford(observed, null, stop_after, tie=1e-12):
    """Sequential p-value, and the number of permutations that it is made of."""
    reached = 0
    for number, value in enumerate(null, start=1):
        reached += value >= observed - tie * abs(observed)
        if reached == stop_after:
            return stop_after / number, number
    return (reached + 1) / (len(null) + 1), len(null)


def max_t(observed, null, tie=TIE):
    """Family-wise p-values from the largest studentised statistic per permutation."""
    pooled = np.vstack([observed, null])
    centres = [np.mean(column) for column in pooled.T]
    spreads = [np.std(column) for column in pooled.T]
    pvalues = []
    for j, value in enumerate(observed):
        student = (value - tie * abs(value) - centres[j]) / spreads[j]
        reached = 0
        for values in null:
            largest = max(
                (other - centre) / spread
                for other, centre, spread in zip(values, centres, spreads, strict=True)
            )
            reached += largest >= student
        pvalues.append((reached + 1) / (len(null) + 1))
    return np.array(pvalues)


# --- balancing -----------------------------------------------------------------------


def cells_of(labels, kind):
    """Levels as codes; five quantile bins of numbers."""
    if kind == "continuous":
        return pd.qcut(labels, 5, labels=False, duplicates="drop")
    return np.unique(labels, return_inverse=True)[1]


def balancing_weights(cells, strata, base):
    """``P(c) P(t) / P(c, t)`` times the base weight, one row at a time."""
    total = base.sum()
    weights = np.empty(len(cells))
    for i, (cell, stratum) in enumerate(zip(cells, strata, strict=True)):
        margin = base[cells == cell].sum() * base[strata == stratum].sum() / total
        joint = base[(cells == cell) & (strata == stratum)].sum()
        weights[i] = base[i] * margin / joint
    return weights


# --- encoding ------------------------------------------------------------------------


def losses(coef, intercept, T, labels, levels, kind, weights):
    """Weighted log-loss or squared error, row by row."""
    total = 0.0
    for row, label, weight in zip(T, labels, weights, strict=True):
        outputs = coef @ row + intercept
        if kind == "ridge":
            aim = label if levels is None else (levels == label).astype(float)
            total += weight * np.sum((outputs - aim) ** 2)
            continue
        if len(outputs) == 1:
            outputs = np.array([0.0, outputs[0]])
        shifted = outputs - outputs.max()
        log_chance = shifted - np.log(np.sum(np.exp(shifted)))
        total -= weight * log_chance[list(levels).index(label)]
    return total


def constant_head(labels, levels, kind, weights):
    """Intercepts of the best head that ignores the embeddings."""
    if levels is None:
        return np.array([np.average(labels, weights=weights)])
    shares = np.array(
        [np.average(labels == level, weights=weights) for level in levels]
    )
    return shares if kind == "ridge" else np.log(shares)


def cross_validated_skill(T, labels, kind, folds, C, alpha, weights):
    """``1 - loss / loss of a constant`` over all held-out rows: D2 or R2."""
    levels = None if np.asarray(labels).dtype.kind == "f" else np.unique(labels)
    loss = chance = 0.0
    for fold in range(folds.max() + 1):
        test = folds == fold
        train = ~test
        coef, intercept = fit_head(
            T[train], labels[train], kind, C, alpha, weights[train]
        )
        constant = constant_head(labels[train], levels, kind, weights[train])
        held_out = T[test], labels[test], levels, kind, weights[test]
        loss += losses(coef, intercept, *held_out)
        chance += losses(np.zeros((len(constant), T.shape[1])), constant, *held_out)
    return 1.0 - loss / chance


def ridge_outputs(T, responses, train, test, alpha, weights):
    """Of `Ridge(alpha)` at the test rows, by the normal equations."""
    weight = weights[train, None]
    centre, mean = (np.sum(weight * a[train], 0) / weight.sum() for a in (T, responses))
    rows, aims = T[train] - centre, responses[train] - mean
    gram = rows.T @ (weight * rows) + alpha * np.eye(T.shape[1])
    slopes = np.linalg.solve(gram, rows.T @ (weight * aims))
    return mean + (T[test] - centre) @ slopes


def scaled_skill(T, labels, folds, alpha, size, weights):
    """Squared correlation of held-out predictions and labels, with its sign.

    Of a ridge probe on the leading coordinates. Both are less the mean of the training
    rows, and products are added over folds and class indicators.
    """
    numbers = np.asarray(labels).dtype.kind == "f"
    responses = labels[:, None]
    if not numbers:
        responses = (responses == np.unique(labels)).astype(float)
    joint = own = chance = 0.0
    for fold in range(folds.max() + 1):
        test, train = folds == fold, folds != fold
        predicted = ridge_outputs(T[:, :size], responses, train, test, alpha, weights)
        mean = np.average(responses[train], axis=0, weights=weights[train])
        predicted, rest = predicted - mean, responses[test] - mean
        joint += np.sum(weights[test] @ (predicted * rest))
        own += np.sum(weights[test] @ predicted**2)
        chance += np.sum(weights[test] @ rest**2)
    return np.sign(joint) * joint**2 / (own * chance)


def penalties_tried(k, own, weights):
    """Penalty and number of coordinates of the probes that are tuned."""
    strongest = max(own, 3.0 * weights.sum())
    strengths = own * (strongest / own) ** (np.arange(4) / 3.0)
    tried = [(alpha, min(k, 50)) for alpha in strengths]
    return tried + [(strengths[i], k) for i in (0, 2) if k > 50]


def tuned_skill(T, labels, folds, own, weights):
    """Skill of the best of them."""
    return max(
        scaled_skill(T, labels, folds, *penalty, weights)
        for penalty in penalties_tried(T.shape[1], own, weights)
    )


def assign_folds(labels, cv, seed):
    folds = np.empty(len(labels), dtype=int)
    if np.asarray(labels).dtype.kind == "f":
        splits = KFold(cv, shuffle=True, random_state=seed).split(labels)
    else:
        splitter = StratifiedKFold(cv, shuffle=True, random_state=seed)
        splits = splitter.split(np.zeros(len(labels)), labels)
    for number, (_, test) in enumerate(splits):
        folds[test] = number
    return folds


# --- the whole analysis --------------------------------------------------------------


@dataclass
class Reference:
    """What the estimator is compared with; everything by column name."""

    principal: Principal
    target_coef: np.ndarray
    coefs: dict = field(default_factory=dict)
    intercepts: dict = field(default_factory=dict)
    alignments: dict = field(default_factory=dict)
    scores: dict = field(default_factory=dict)
    nulls: dict = field(default_factory=dict)
    pvalues: dict = field(default_factory=dict)
    pvalues_fwer: dict = field(default_factory=dict)
    encoding_scores: dict = field(default_factory=dict)
    encoding_statistics: dict = field(default_factory=dict)
    encoding_nulls: dict = field(default_factory=dict)
    encoding_pvalues: dict = field(default_factory=dict)


@dataclass
class Observed:
    """One column on the rows where it is known."""

    rows: np.ndarray
    labels: np.ndarray
    kind: str
    head: str

    @classmethod
    def of(cls, series, head):
        rows = np.flatnonzero(series.notna())
        kind = "continuous" if series.dtype.kind == "f" else "categorical"
        dtype = float if kind == "continuous" else str
        return cls(rows, series.iloc[rows].to_numpy(dtype=dtype), kind, head)

    def on(self, rows):
        kept = np.isin(self.rows, rows)
        return Observed(self.rows[kept], self.labels[kept], self.kind, self.head)


def analyse(
    X,
    table,
    target,
    heads,
    *,
    target_head=None,
    target_kind="logistic",
    C=1.0,
    alpha=1.0,
    n_components=0.99,
    min_components=50,
    metric="weight",
    how="rms",
    adjust=False,
    sample_weight=None,
    n_permutations=29,
    random_state=0,
    cv=5,
    encoding=True,
):
    """Repeat `WeightSpaceCorrelation.fit` by loops.

    `heads` maps the columns to "logistic" or "ridge"; `target_head` is (W, kind).
    """
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    X, table, weights = X[weights > 0], table[weights > 0], weights[weights > 0]
    principal = principal_directions(X, weights, n_components, min_components)
    T = principal.coordinates(X)
    # The order in which the library permutations: by distance from the mean.
    order = np.argsort(np.sum(T**2, axis=1), kind="stable")
    T, table, weights = T[order], table.iloc[order], weights[order]
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    plan = PermutationPlan(seed, n_permutations, len(T))
    permutations = range(n_permutations)

    primary = None if target is None else Observed.of(table[target], target_kind)
    if target_head is not None:
        w_primary = centre_classes(*target_head)
    else:
        coef, intercept = fit_head(
            T[primary.rows],
            primary.labels,
            target_kind,
            C,
            alpha,
            weights[primary.rows],
        )
        coef, _ = in_unit_of_embeddings(principal, coef, intercept)
        w_primary = centre_classes(coef, target_kind)
    found = Reference(principal, w_primary)

    for name, head in heads.items():
        column = Observed.of(table[name], head)
        fitted, strata = column, None
        if adjust:
            fitted = column.on(primary.rows)
            strata = cells_of(primary.on(fitted.rows).labels, primary.kind)
        base = weights[fitted.rows]

        def refit(source, fitted=fitted, base=base, strata=strata, head=head):
            row_weights = base
            if strata is not None:
                cells = cells_of(fitted.labels, fitted.kind)
                row_weights = balancing_weights(cells[source], strata, base)
            coef, intercept = fit_head(
                T[fitted.rows], fitted.labels[source], head, C, alpha, row_weights
            )
            coef, intercept = in_unit_of_embeddings(principal, coef, intercept)
            matrix = align(
                w_primary,
                centre_classes(coef, head),
                principal,
                metric,
                n_components is not None,
            )
            return coef, intercept, matrix

        identity = np.arange(len(fitted.rows))
        coef, intercept, matrix = refit(identity)
        found.coefs[name], found.intercepts[name] = coef, intercept
        found.alignments[name] = matrix
        found.scores[name] = aggregate(matrix, how)
        null = []
        for number in permutations:
            source = plan.sources(range(number, number + 1), fitted.rows, strata)[0]
            null.append(aggregate(refit(source)[2], how))
        found.nulls[name] = np.array(null)
        found.pvalues[name] = add_one_pvalue(found.scores[name], null)
        if encoding:
            _encode(found, name, column, T, weights, plan, cv, C, alpha)

    names = list(heads)
    together = max_t(
        np.array([found.scores[name] for name in names]),
        np.array([found.nulls[name] for name in names]).T,
    )
    found.pvalues_fwer = dict(zip(names, together, strict=True))
    return found


def _encode(found, name, column, T, weights, plan, cv, C, alpha):
    folds = assign_folds(column.labels, cv, plan.seed)
    base = weights[column.rows]
    rows = T[column.rows]
    found.encoding_scores[name] = cross_validated_skill(
        rows, column.labels, column.head, folds, C, alpha, base
    )
    penalty = alpha
    if column.head == "logistic":
        penalty = ridge_counterpart(column.labels, C, base)

    def statistic(labels):
        return tuned_skill(rows, labels, folds, penalty, base)

    null = []
    for number in range(plan.n_permutations):
        batch = range(number, number + 1)
        source = plan.sources(batch, column.rows, folds)[0]
        null.append(statistic(column.labels[source]))
    found.encoding_nulls[name] = np.array(null)
    found.encoding_statistics[name] = statistic(column.labels)
    found.encoding_pvalues[name] = add_one_pvalue(
        found.encoding_statistics[name], null, tie=1e-9
    )


def ridge_counterpart(labels, C, weights):
    """Penalty of ridge probes whose Hessian is that of a logistic head at the start.

    The logistic objective is C sum loss + |W|^2 / 2 over class rows that add up to
    zero. Its curvature along unit class directions, at the class frequencies, takes the
    place of the 1 that squared errors have.
    """
    levels = np.unique(labels)
    shares = np.array([np.average(labels == v, weights=weights) for v in levels])
    if len(levels) == 2:
        return 1.0 / (C * shares[0] * shares[1])
    centre = np.eye(len(levels)) - 1.0 / len(levels)
    curvature = centre @ (np.diag(shares) - np.outer(shares, shares)) @ centre
    return 1.0 / (C * np.trace(curvature) / (len(levels) - 1))


def every_permutation_score(T, labels, head, w_primary, how="rms"):
    """Alignment scores of all n! permutations of a column, the identity first."""
    known = {}
    scores = []
    for source in permutations(range(len(labels))):
        permuted = labels[list(source)]
        key = permuted.tobytes()
        if key not in known:
            coef, _ = fit_head(T, permuted, head)
            matrix = [
                [cosine(a, m) for m in centre_classes(coef, head)] for a in w_primary
            ]
            known[key] = aggregate(matrix, how)
        scores.append(known[key])
    return np.array(scores)


# --- exchangeable units --------------------------------------------------------------


def distinct_arrangements(values, strata=None):
    """Different columns that permutations within strata can give, by trying all."""
    strata = [0] * len(values) if strata is None else list(strata)
    found = set()
    for source in permutations(range(len(values))):
        if all(strata[i] == strata[j] for i, j in enumerate(source)):
            found.add(tuple(values[j] for j in source))
    return found


# --- utilization ---------------------------------------------------------------------


@dataclass
class LeastSquares:
    """Utilization by explicit least-squares models, from `least_squares_utilization`.

    `contrasts` are the adjusted effects by level (or of one standard deviation),
    `specific` the squares that the class-specific part explains, fitted in one class
    after the other, and `joint` the same by one model of all rows; `weight` is what
    turns them into a mean square over levels and classes.
    """

    contrasts: np.ndarray
    specific: float
    joint: float
    weight: float
    raw: float
    total_variance: float


def code_column(labels, weights):
    """Indicators of all levels, or numbers in standard deviations; and their freedom.

    The freedom is the expected mean square of independent effects about their mean.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind == "f":
        centred = labels - np.average(labels, weights=weights)
        return (centred / np.sqrt(np.average(centred**2, weights=weights)))[:, None], 1
    levels = np.unique(labels)
    return (labels[:, None] == levels).astype(float), 1 - 1 / len(levels)


def fit_least_squares(design, outputs, weights):
    """Coefficients and weighted residual sum of squares of ``outputs ~ design``."""
    roots = np.sqrt(weights)[:, None]
    coef = np.linalg.lstsq(design * roots, outputs * roots, rcond=1e-10)[0]
    return coef, float(np.sum((roots * (outputs - design @ coef)) ** 2))


def classes_by_loop(target, weights):
    """Class of every row: of the levels of a target, or of the thirds of its values."""
    if target is None:
        return np.zeros(len(weights), int)
    target = np.asarray(target)
    if target.dtype.kind != "f":
        return np.unique(target, return_inverse=True)[1]
    ends = []
    for share in (1 / 3, 2 / 3):
        reached = [
            value
            for value in np.unique(target)
            if weights[target <= value].sum() >= share * weights.sum() * (1 - 1e-8)
        ]
        ends.append(min(reached))
    thirds = np.array([sum(value > end for end in ends) for value in target])
    return np.unique(thirds, return_inverse=True)[1]


def held_fixed(target, held, weights, groups=None, n_units=None):
    """Design of what is held fixed: a constant and all terms, groups as indicators.

    Confounders are held in each class of the target, and together with each other too,
    where there are enough units.
    """
    n = len(weights)
    n_units = n if n_units is None else n_units
    own = [code_column(labels, weights)[0] for labels in held]
    terms = [] if target is None else [code_column(target, weights)[0]]
    classes = classes_by_loop(target, weights)
    n_classes = classes.max() + 1
    n_terms = sum(t.shape[1] for t in terms)
    n_terms += n_classes * sum(t.shape[1] for t in own)
    alone = own
    if 5 * n_terms < n_units:
        own = [t * (classes == k)[:, None] for t in own for k in range(n_classes)]
    n_terms = sum(t.shape[1] for t in [*terms, *own])
    for i in range(len(alone)):
        for j in range(i + 1, len(alone)):
            pair = [a * b for a in alone[i].T for b in alone[j].T]
            if 5 * (n_terms + len(pair)) < n_units:
                own = [*own, np.transpose(pair)]
                n_terms += len(pair)
    if groups is not None:
        terms.append((np.asarray(groups)[:, None] == np.unique(groups)).astype(float))
    return np.hstack([np.ones((n, 1)), *terms, *own])


def centre_by_loop(values, codes, weights):
    """Values less their weighted mean among the rows of the same code."""
    found = np.array(values, dtype=float)
    for code in np.unique(codes):
        own = codes == code
        found[own] -= np.average(found[own], axis=0, weights=weights[own])
    return found


def independent_share(outputs, design, weights, clusters):
    """1 / (1 + (n - 1) ICC) of every row, with the ICC from a loop over pairs."""
    left = outputs - design @ fit_least_squares(design, outputs, weights)[0]
    left = left * np.sqrt(weights)[:, None]
    shared = n_pairs = 0.0
    for cluster in np.unique(clusters):
        rows = np.flatnonzero(clusters == cluster)
        for i in rows:
            for j in rows[rows != i]:
                shared += left[i] @ left[j]
                n_pairs += 1
    if not n_pairs:
        return np.ones(len(outputs))
    icc = min(max(shared / n_pairs / np.mean(np.sum(left**2, axis=1)), 0.0), 1.0)
    sizes = np.array([np.sum(clusters == cluster) for cluster in clusters])
    return 1.0 / (1.0 + (sizes - 1.0) * icc)


def least_squares_utilization(
    outputs,
    labels,
    target=None,
    held=(),
    weights=None,
    groups=None,
    coding=None,
    share=1.0,
    n_units=None,
):
    """Utilization from models without the column, additive, and by class.

    `groups` are held fixed. `coding` is that of a permuted column: its scores take the
    place of those of the column, whose effects they would be if the column kept its
    spread. `share` multiplies the weights of the rows in all models, but neither in the
    spread of outputs nor in that of columns. Where a target is a number, its classes
    are thirds, and columns are centred in them.
    """
    weights = np.ones(len(outputs)) if weights is None else weights
    own, freedom = code_column(labels, weights)
    n_terms = own.shape[1]
    fixed = held_fixed(target, held, weights, groups, n_units)
    classes = classes_by_loop(target, weights)
    total = np.average(outputs, axis=0, weights=weights)
    total = np.average(np.sum((outputs - total) ** 2, axis=1), weights=weights)
    weights = weights * share
    thirds = target is not None and np.asarray(target).dtype.kind == "f"

    def adjusted(values):
        left = values - fixed @ fit_least_squares(fixed, values, weights)[0]
        return left, centre_by_loop(left, classes, weights) if thirds else left

    column, within = adjusted(own)
    scored, scored_within = (column, within) if coding is None else adjusted(coding)
    residuals = adjusted(outputs)[0]

    score = scored.T @ (weights[:, None] * residuals)
    contrasts = solve_scores(column, weights[:, None], score)
    if own.shape[1] > 1:
        contrasts = contrasts - contrasts.mean(axis=0)
    # Deviations of the classes, as far as the column itself does not catch them.
    specific = information = leaked = 0.0
    products = []
    for number in range(classes.max() + 1 if target is not None else 0):
        rows = classes == number
        local, weight = within[rows], weights[rows, None]
        explained = local.T @ (weight * local) @ contrasts
        beyond = scored_within[rows].T @ (weight * residuals[rows]) - explained
        specific += np.sum(solve_scores(local, weight, beyond) * beyond)
        for term in within.T:
            product = np.where(rows, term, 0.0)[:, None]
            products.append(product)
            coef, left = fit_least_squares(column, product, weights)
            information += left
            leaked += np.sum(coef**2)
    weight = 0.0
    if information > 1e-8 * weights.sum():
        weight = max(freedom - leaked / n_terms, 0.0) / information
    joint = 0.0
    if products:
        additive = np.hstack([fixed, own])
        saturated = np.hstack([additive, *products])
        joint = fit_least_squares(additive, outputs, weights)[1]
        joint -= fit_least_squares(saturated, outputs, weights)[1]
    square = np.mean(np.sum(contrasts**2, axis=1)) + weight * specific
    return LeastSquares(
        contrasts, specific, joint, weight, np.sqrt(square / total), total
    )


def solve_scores(design, weights, score):
    """Coefficients of a regression whose products of design and outputs are these."""
    gram = design.T @ (weights * design)
    return np.linalg.pinv(gram, rcond=1e-8, hermitian=True) @ score


def studentised_statistics(
    outputs, coding, fixed, weights, classes, clusters, thirds=False, n_specific=None
):
    """Statistics of the slope, of common effects and by class, by loops over all.

    The ANOVA-type form: with A the column and r the outputs adjusted for what is fixed,
    squared scores and their cluster-robust variances, both in units of what the
    variance would be if the outputs were as noisy everywhere as in their class.
    """
    roots = np.sqrt(weights)[:, None]
    A, r = (
        (v - fixed @ fit_least_squares(fixed, v, weights)[0]) * roots
        for v in (coding, outputs)
    )
    r[
        :, np.linalg.norm(r, axis=0) < 1e-10 * np.linalg.norm(outputs * roots, axis=0)
    ] = 0
    n_classes, n_outputs = classes.max() + 1, r.shape[1]
    noise = np.zeros((n_classes, n_outputs))
    for t in range(n_classes):
        for c in range(n_outputs):
            mean = np.mean(r[classes == t, c] ** 2)
            if mean > 1e-14 * np.mean(r[:, c] ** 2):
                noise[t, c] = mean

    def ratio(cells):
        """Of cells (term, rows, output, weight), each a class or all rows."""
        found = expected = n = 0.0
        for column, rows, c, weight in cells:
            usual = 0.0
            for own in (rows & (classes == t) for t in range(n_classes)):
                square = np.sum(column[own] ** 2)
                # A level that a class lacks says nothing there.
                if square > 1e-8 * np.sum(weights[own]):
                    usual += noise[classes[own][0], c] * square
            if usual > 0:
                products = np.where(rows, column * r[:, c], 0.0)
                variance = sum(
                    np.sum(products[clusters == cluster]) ** 2
                    for cluster in np.unique(clusters)
                )
                found += weight * np.sum(products) ** 2 / usual
                expected += weight * variance / usual
                n += weight
        return n * found / expected if expected > 0 else 0.0

    everywhere = np.ones(len(A), bool)
    common = [
        ratio([(term, everywhere, c, 1.0) for c in range(n_outputs)]) for term in A.T
    ]
    s = A.shape[1] if n_specific is None else n_specific
    own = A[:, :s]
    if thirds:
        own = centre_by_loop(own / roots, classes, weights) * roots
    by_class = []
    for term in own.T:
        cells = []
        for t in range(n_classes):
            rows = classes == t
            size = np.sum(term[rows] ** 2) ** 2 / max(np.sum(term[rows] ** 4), 1e-300)
            cells += [
                (term, rows, c, 1.0 - 1.5 / max(size, 1.5)) for c in range(n_outputs)
            ]
        by_class.append(ratio(cells))
    slope = common[:1] if s == 1 else common
    return np.array([sum(slope), sum(common), sum(by_class)])


def cluster_robust_effects(
    outputs, labels, target, clusters, weights, groups=None, share=1.0
):
    """Effects in units of utilization, what each cluster adds to their error, and more.

    The CR2 correction with explicit hat matrices (Bell and McCaffrey): residuals of a
    cluster are multiplied by the symmetric ``(I - H)^(-1/2)`` of its block; for a
    continuous column, of whose values few extreme ones decide, by its inverse. Rows of
    length n map the outputs to effects: those of the column, and a root of the form
    whose value is the mean square of the class-specific part. `share` multiplies the
    weights as in `least_squares_utilization`. Returns effects,
    influence (n_clusters, n_effects) and the degrees of freedom of the variance.
    """
    roots = np.sqrt(weights * share)[:, None]
    coding, _ = code_column(labels, weights)
    fixed = held_fixed(target, (), weights, groups)
    additive = np.hstack([fixed, coding])
    options = {"weights": weights, "groups": groups, "share": share}
    found = least_squares_utilization(outputs, labels, target, **options)
    common = least_squares_utilization(
        np.eye(len(outputs)), labels, target, **options
    ).contrasts
    rows = common.T / np.sqrt(coding.shape[1]) / roots
    if target is not None:
        by_class, _ = code_column(target, weights)
        products = np.array([c * t for c in coding.T for t in by_class.T]).T
        saturated = np.hstack([additive, products])
        specific = _hat(saturated * roots) - _hat(additive * roots)
        values, vectors = np.linalg.eigh(specific)
        rows = np.hstack([rows, vectors[:, values > 0.5] * np.sqrt(found.weight)])
    hat = _hat(additive * roots)
    residuals = (np.eye(len(outputs)) - hat) @ (outputs * roots)
    unit = np.sqrt(found.total_variance)
    effects = (rows.T @ (outputs * roots)).ravel() / unit
    centred = outputs - np.average(outputs, axis=0, weights=weights)
    influence = []
    for cluster in np.unique(clusters):
        own = clusters == cluster
        values, vectors = np.linalg.eigh(np.eye(own.sum()) - hat[np.ix_(own, own)])
        kept = values > 1e-8
        power = 0.5 if coding.shape[1] > 1 else 1.0
        grow = vectors[:, kept] / values[kept] ** power @ vectors[:, kept].T
        error = (rows[own].T @ grow @ residuals[own]).ravel() / unit
        # The unit is estimated too: its relative error is half that of the variance.
        excess = np.sum(centred[own] ** 2, axis=1) / found.total_variance - 1.0
        spread = np.sum(weights[own] * excess) / weights.sum() / 2.0
        influence.append(error - spread * effects)
    shares = [np.sum(rows[clusters == c] ** 2) for c in np.unique(clusters)]
    effective = sum(shares) ** 2 / sum(share**2 for share in shares)
    absorbed = 0 if groups is None else len(np.unique(groups))
    n_fitted = np.linalg.matrix_rank(additive) - absorbed
    return effects, np.array(influence), max(1.0, effective - n_fitted)


def _hat(design):
    return design @ np.linalg.pinv(design, rcond=1e-10)


# --- feature maps --------------------------------------------------------------------


def make_maps(seed=0, n=60, n_features=6, spatial=(5, 4), n_classes=3, planted=3.0):
    """Feature maps of unequal scales and non-zero means, labels and a head.

    Feature k is larger in class k; the head looks at it, and a little at all others.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % n_classes)
    shape = (n, n_features, *spatial)
    A = rng.gamma(2.0, 1.0, shape) + 0.2 * rng.standard_normal(shape)
    scale = np.geomspace(0.3, 3.0, n_features)
    means = rng.normal(2.0, 1.0, n_features)
    weights = 0.05 * rng.standard_normal((n_classes, n_features))
    for k in range(n_classes):
        A[labels == k, k] += planted
        weights[k, k] += 1.0
    across = (1, n_features) + (1,) * len(spatial)
    A = A * scale.reshape(across) + means.reshape(across)
    weights = weights / scale
    intercept = rng.normal(0.0, 0.1, n_classes) - weights @ means
    return A, labels, weights, intercept


def loop_contributions(A, weights):
    """Weight times mean over positions: (n, n_classes, n_features)."""
    A = np.asarray(A, dtype=np.float64)
    found = np.empty((len(A), len(weights), A.shape[1]))
    for i, sample in enumerate(A):
        for k, row in enumerate(weights):
            for c, feature in enumerate(sample):
                found[i, k, c] = row[c] * feature.sum() / feature.size
    return found


def loop_importance(A, labels, weights, intercept):
    """Means over correctly classified samples: by class, overall, their number."""
    contributions = loop_contributions(A, weights)
    own = {k: [] for k in range(len(weights))}
    for i, k in enumerate(labels):
        scores = contributions[i].sum(axis=1) + intercept
        if np.argmax(scores) == k:
            own[k].append(contributions[i, k])
    nothing = np.full(A.shape[1], np.nan)
    by_class = [np.mean(own[k], axis=0) if own[k] else nothing for k in own]
    every = [row for k in own for row in own[k]]
    overall = np.mean(every, axis=0) if every else nothing
    return np.array(by_class), overall, np.array([len(own[k]) for k in own])


def loop_activation_maps(A, weights):
    """Sum over features of weight times map: (n, n_classes, *spatial)."""
    A = np.asarray(A, dtype=np.float64)
    found = np.zeros((len(A), len(weights), *A.shape[2:]))
    for i, sample in enumerate(A):
        for k, row in enumerate(weights):
            for c, feature in enumerate(sample):
                found[i, k] += row[c] * feature
    return found


def loop_ranges(A, weights, percentiles, over, predicted):
    """Percentiles of the smallest and of the largest values of stored maps.

    Of all maps (of a class) and of those of the predicted class, whichever is wider.
    """
    maps = loop_activation_maps(A, weights)
    ranges = []
    for k in range(len(weights)):
        together = list(maps[:, k] if over == "class" else np.concatenate(maps))
        some = [
            one[c]
            for one, c in zip(maps, predicted, strict=True)
            if over == "all" or c == k
        ]
        ends = [_ends(those, percentiles) for those in (together, some) if those]
        ranges.append([min(low for low, _ in ends), max(high for _, high in ends)])
    return np.array(ranges)


def _ends(maps, percentiles):
    smallest = [one.min() for one in maps]
    largest = [one.max() for one in maps]
    low = np.percentile(smallest, percentiles[0])
    return low, np.percentile(largest, percentiles[1])


def loop_auroc(score, member):
    """Share of pairs of which the member has the larger score; ties count half."""
    wins = [
        1.0 if a > b else 0.5 if a == b else 0.0
        for a in score[member]
        for b in score[~member]
    ]
    return float(np.mean(wins))


def loop_outlier_scores(values, classes):
    """Root mean square of bounded robust deviations, one feature at a time."""

    def variance(apart):
        cut = np.quantile(apart, 0.95)
        return max(
            (1.4826 * np.median(apart)) ** 2,
            np.mean([min(one, cut) ** 2 for one in apart]),
            0.04 * np.mean([one**2 for one in apart]),
        )

    apart = np.zeros_like(values)
    for i, row in enumerate(values):
        for c, value in enumerate(row):
            apart[i, c] = abs(value - np.median(values[classes == classes[i], c]))
    distances = []
    for i in range(len(values)):
        squares = []
        for c in range(values.shape[1]):
            own = apart[classes == classes[i], c]
            common = variance(apart[:, c])
            mixed = (len(own) * variance(own) + 10 * common) / (len(own) + 10)
            deviation = apart[i, c] / np.sqrt(mixed)
            if deviation > 3.0:
                deviation = 3.0 * (1.0 + np.log(deviation / 3.0))
            squares.append(deviation**2)
        distances.append(np.sqrt(np.mean(squares)))
    return np.array(distances) / np.median(distances)


def error_moments(rows, residuals, clusters, spread, effects, direction):
    """Errors of each cluster along a direction, and moments of their covariance.

    The whole matrix of errors in m effects on C outputs is written out. The moments are
    the trace, that of the square, and the squared length of the image of the direction.
    """
    matrix = -spread[:, None] * effects.ravel()
    for row, residual, cluster in zip(rows, residuals, clusters, strict=True):
        matrix[cluster] += np.outer(row, residual).ravel()
    covariance, direction = matrix.T @ matrix, direction.ravel()
    image = covariance @ direction
    moments = np.trace(covariance), np.sum(covariance**2), image @ image
    return matrix @ direction, moments
