"""Effects of a column on outputs, against explicit least-squares models."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import SplineTransformer

from sklearn_wsca import utilization_test
from sklearn_wsca._linear import class_basis as class_basis_module
from sklearn_wsca._utilization import output_model as output_model_module
from tests.decision_studies import MEANS, SCALES, Sample
from tests.output_studies import (
    COLUMNS,
    DESIGNS,
    TARGETS,
    UNEQUAL,
    N,
    make_study,
    orders_of,
    study_of,
)
from tests.reference import (
    centre_by_loop,
    code_column,
    fit_least_squares,
)

pytestmark = pytest.mark.usefixtures("few_groups_are_enough")


def effects_on(model, outputs):
    """Common effects on any outputs, by level."""
    return model.common_rows().T @ (outputs * model.rows.roots[:, None])


# --- against least squares -----------------------------------------------------------


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("held", [0, 2])
def test_effects_are_those_of_explicit_models(column, target, weighted, held):
    study = make_study(column, target, held, weighted)
    model, expected = study.model(), study.reference()
    np.testing.assert_allclose(
        effects_on(model, study.outputs), expected.contrasts, rtol=1e-8, atol=1e-8
    )
    assert model.total_variance == pytest.approx(expected.total_variance)
    raw, *statistics = model.observed()
    assert raw == pytest.approx(expected.raw, abs=1e-10)
    np.testing.assert_allclose(statistics, study.statistics(), rtol=1e-8)
    # The parts that are compared are there.
    assert 0.03 < raw < 1.0
    assert min(statistics) > 0.1
    if target is not None:
        assert expected.weight * expected.specific > 0.05 * model.total_variance * (
            raw**2
        )
    if target != "numbers" and held < 2:
        # Classes know nothing of each other, so one model of all rows is the same;
        # but two confounders are held fixed together in all classes alike.
        assert expected.specific == pytest.approx(expected.joint, abs=1e-9)


@pytest.mark.parametrize("column", COLUMNS)
def test_effects_on_further_outputs_are_those_of_the_same_model(column):
    """As for probabilities, which are no linear function of the outputs."""
    study = make_study(column, held=2, weighted=True)
    curved = (np.tanh((study.outputs - MEANS) / SCALES) * [50.0, 0.3, 1.0])[:, :2]
    found = effects_on(study.model(), curved)
    study.outputs = curved
    expected = study.reference().contrasts
    assert np.abs(expected).max() > 0.5
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("grouped", [False, True])
def test_effect_rows_are_a_root_of_the_raw_utilization(column, target, grouped):
    unit = UNEQUAL if grouped else None
    n = len(UNEQUAL) if grouped else N
    study = make_study(column, target, held=1, weighted=False, n=n, unit=unit)
    model = study.model()
    rows, design = model.effect_rows(), model.design().written_out()
    design = design[:, design.any(axis=0)]
    effects = rows.T @ model.rows.residuals
    found = model.all_effects(model.rows.residuals)
    np.testing.assert_allclose(found, effects, atol=1e-9)
    square = np.sum(effects**2) / model.total_variance
    assert np.sqrt(square) == pytest.approx(model.observed()[0], abs=1e-10)
    width = model.design().width
    np.testing.assert_allclose(design.T @ design, np.eye(width), atol=1e-9)
    held = model.rows.fixed.written_out()
    np.testing.assert_allclose(design @ (design.T @ held), held, atol=1e-9)
    if target is None:
        n_levels = {"2 levels": 2, "4 levels": 4, "numbers": 1}[column]
        expected = study.reference().contrasts / np.sqrt(n_levels)
        np.testing.assert_allclose(effects, expected, atol=1e-9)


@pytest.mark.parametrize("column", COLUMNS)
def test_empty_cells_of_column_and_target_are_left_out_of_the_comparison(column):
    """The first class knows two levels only; effects by class are still defined."""
    study = make_study(column, "3 classes")
    first = study.target == 0
    study.labels = np.where(first, study.labels.min(), study.labels)
    study.labels[np.flatnonzero(first)[::2]] = study.labels[~first].max()
    found = study.model().observed()
    np.testing.assert_allclose(
        found, [study.reference().raw, *study.statistics()], atol=1e-9
    )
    assert found[0] > 0.03


# --- limiting cases ------------------------------------------------------------------


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("target", ["none", "one class"])
def test_without_several_classes_effects_are_common(column, target):
    study = make_study(column, None)
    if target == "one class":
        study.target = np.zeros(N, int)
    model = study.model()
    contrasts = effects_on(model, study.outputs)
    square = np.mean(np.sum(contrasts**2, axis=1))
    raw, slope, common, by_class = model.observed()
    assert raw == pytest.approx(np.sqrt(square / model.total_variance))
    assert slope == common
    # Less 1.5 of the rows that the smallest level is compared in.
    assert 0.9 * common < by_class < common
    assert raw > 0.03


@pytest.mark.parametrize("shares", [(4, 4, 4), (2, 5, 9)])
@pytest.mark.parametrize("n_levels", [2, 3])
def test_a_balanced_design_gives_the_mean_square_over_classes_and_levels(
    shares, n_levels
):
    """All levels are equally frequent in each class; classes count by their share."""
    rng = np.random.default_rng(n_levels)
    cells = rng.standard_normal((3, n_levels, 2)) * [2.0, 0.1] + [30.0, -4.0]
    target = np.repeat(np.arange(3), np.array(shares) * n_levels)
    labels = np.concatenate([np.tile(np.arange(n_levels), m) for m in shares])
    outputs = cells[target, labels]
    contrasts = cells - cells.mean(axis=1, keepdims=True)
    by_class = np.mean(np.sum(contrasts**2, axis=2), axis=1)
    model = Sample(outputs, labels, target, [], np.ones(len(labels))).model()
    expected = np.sqrt(np.average(by_class, weights=shares) / model.total_variance)
    assert model.observed()[0] == pytest.approx(expected, abs=1e-10)


def opposite(seed=0, n=400):
    """A scanner that raises the score of one class and lowers that of the other."""
    rng = np.random.default_rng(seed)
    target, scanner = np.arange(n) % 2, np.arange(n) // 2 % 2
    sign = np.where(target == scanner, 1.0, -1.0)
    outputs = rng.standard_normal((n, 2)) * [1.0, 0.2] + [9.0, -3.0]
    outputs += np.outer(target, [2.0, 0.5])
    return outputs, sign, scanner, target


@pytest.mark.parametrize("seed", range(3))
def test_effects_that_cancel_over_classes_are_found(seed):
    outputs, sign, scanner, target = opposite(seed)
    moved = outputs + 0.5 * np.outer(sign, [1.0, 0.2])
    study = Sample(moved, scanner, target, [], np.ones(len(sign)))
    raw, _, common, by_class = study.model().observed()
    assert common < 6.0
    assert by_class > 10.0
    assert raw > 0.2
    found = [
        utilization_test(
            o, scanner, target=target, n_permutations=199, random_state=seed
        )
        for o in (moved, outputs)
    ]
    assert found[0].pvalue == 0.005
    assert found[0].low > 0.1
    assert found[1].pvalue > 0.02


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_classes", [5, 21])
def test_an_effect_on_the_own_score_of_every_class_is_found(seed, n_classes):
    """However many classes there are. In each it is another output that moves."""
    rng = np.random.default_rng(seed)
    target, scanner = rng.integers(0, n_classes, 1050), rng.integers(0, 2, 1050)
    outputs = rng.standard_normal((1050, n_classes))
    own = np.eye(n_classes)[target]
    outputs += own * (4.0 - 1.2 * scanner[:, None])
    found = utilization_test(
        outputs, scanner, target=target, n_permutations=99, random_state=seed
    )
    assert found.pvalue == 0.01
    assert found.low > 0.0
    # Negative control: the same where the scanner changes nothing.
    outputs += 1.2 * own * scanner[:, None]
    found = utilization_test(
        outputs, scanner, target=target, n_permutations=99, random_state=seed
    )
    assert found.pvalue > 0.02


# --- curves --------------------------------------------------------------------------


def spline_design(values, n_knots):
    """Terms of a cubic spline with knots at quantiles."""
    n, ordered, knots = len(values), np.sort(values), []
    for i in range(n_knots):
        reached = i * n / (n_knots - 1)
        around = int(np.ceil(reached)) - 1, int(np.floor(reached))
        knots.append(np.mean([ordered[min(max(k, 0), n - 1)] for k in around]))
    spline = SplineTransformer(knots=np.array(knots)[:, None], include_bias=False)
    return spline.fit_transform(values[:, None])


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("seed", range(2))
def test_what_is_continuous_is_held_fixed_by_splines(column, seed):
    """The additive part, against plain least squares with the terms of a spline."""
    study = make_study(column, None, held=1, seed=seed)
    study.outputs[:, 0] += 0.02 * (study.held[0] - 60.0) ** 2
    model, n = study.model("spline"), len(study.labels)
    # 1.5 times the cube root of 120 rows, but no more than one for 20 of them.
    fixed = np.hstack([np.ones((n, 1)), spline_design(study.held[0], 6)])
    coding, _ = code_column(study.labels, study.weights)
    if column == "numbers":
        # Its own curve has one knot inside, and 4 terms.
        coding = spline_design(study.labels, 3)
    coef = fit_least_squares(np.hstack([fixed, coding]), study.outputs, np.ones(n))[0]
    curve = coding @ coef[fixed.shape[1] :]
    if column == "numbers":
        curve -= curve.mean(axis=0)
        square = np.mean(np.sum(curve**2, axis=1))
    else:
        effects = coef[fixed.shape[1] :] - coef[fixed.shape[1] :].mean(axis=0)
        square = np.mean(np.sum(effects**2, axis=1))
    expected = np.sqrt(square / model.total_variance)
    assert model.observed()[0] == pytest.approx(expected, rel=1e-6)
    assert study.model("linear").observed()[0] != pytest.approx(expected, rel=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("role", ["target", "confounders"])
def test_a_curve_of_what_is_held_fixed_is_no_use_of_a_column_that_follows_it(role):
    """Held fixed by a line, as a negative control, it would be."""
    rejected = {"spline": 0, "linear": 0}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        age = rng.uniform(-2.0, 2.0, 300)
        score = age**2 + rng.standard_normal(300)
        old = (age**2 + rng.standard_normal(300) > 1.3).astype(int)
        for adjustment in rejected:
            found = utilization_test(
                score,
                old,
                **{"target": None, role: age},
                adjustment=adjustment,
                n_permutations=39,
                random_state=seed,
            )
            rejected[adjustment] += found.pvalue <= 0.05
    assert rejected["linear"] == 20
    assert rejected["spline"] <= 4


@pytest.mark.parametrize("adjustment", ["spline", "linear"])
def test_a_column_that_moves_the_outputs_along_a_curve_is_found_by_a_curve(adjustment):
    found = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        age = rng.standard_normal(300)
        score = 0.4 * age**2 + rng.standard_normal(300)
        test = utilization_test(
            score,
            age,
            target=None,
            adjustment=adjustment,
            n_permutations=39,
            random_state=seed,
        )
        found += test.pvalue <= 0.05
    assert (found >= 9) == (adjustment == "spline")


# --- permutations --------------------------------------------------------------------


SCHEMES = {
    "rows": "rows",
    "groups": "between groups",
    "within": "within groups",
    "both": "between and within groups",
}


def permuted_coding(study, model, order):
    """Coding after a permutation of the labels, or of their residuals, by rows."""
    coding, _ = code_column(study.labels, study.weights)
    exchange, fixed = model.exchange, study.fixed()
    if not model.freedman_lane:
        return coding[exchange.sources(order[None])[0]]
    if exchange.scheme == "within groups":
        coding, fixed = (
            centre_by_loop(part, study.groups, study.weights)
            for part in (coding, fixed)
        )
    source = exchange.unit_sources(order[None])[0]
    if exchange.scheme == "between groups":
        by_unit = [
            pd.DataFrame(part).groupby(exchange.unit).mean().to_numpy()
            for part in (coding, fixed)
        ]
    else:
        by_unit = [coding, fixed]
    explained = (
        by_unit[1]
        @ fit_least_squares(by_unit[1], by_unit[0], np.ones(len(by_unit[0])))[0]
    )
    permuted = explained + (by_unit[0] - explained)[source]
    return permuted[exchange.unit] if len(permuted) < len(coding) else permuted


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(
    ("target", "held"), [("3 classes", 0), (None, 0), ("3 classes", 1), ("numbers", 1)]
)
def test_permutations_are_those_of_explicit_models_on_all_rows(
    design, column, target, held, weighted
):
    """Groups stand for their rows, and weights stay with the rows."""
    study = study_of(design, column, target, held, weighted)
    model = study.model()
    assert model.exchange.scheme == SCHEMES[design.split(",")[0].split()[0]]
    orders = orders_of(len(study.labels))
    found = model.permutations(orders)
    for order, statistics in zip(orders, found, strict=True):
        coding = permuted_coding(study, model, order)
        expected = [study.reference(coding).raw, *study.statistics(coding)]
        np.testing.assert_allclose(statistics, expected, rtol=1e-7, atol=1e-9)
    assert np.ptp(found, axis=0).min() > 0.005


@pytest.mark.parametrize("column", ["4 levels", "numbers"])
@pytest.mark.parametrize(
    ("design", "target", "held"),
    [
        *[(design, "3 classes", 0) for design in DESIGNS],
        *[(design, "3 classes", 1) for design in list(DESIGNS)[:4]],
        *[(design, "numbers", 1) for design in list(DESIGNS)[:4]],
        *[(design, None, 2) for design in DESIGNS],
    ],
)
def test_the_permute_that_moves_nothing_gives_the_statistics_of_the_data(
    design, column, target, held
):
    study = study_of(design, column, target, held)
    model, n = study.model(), len(study.labels)
    unmoved = model.permutations(np.arange(n, dtype=np.int32)[None])[0]
    np.testing.assert_allclose(unmoved, model.observed(), atol=1e-10)
    assert abs(model.permutations(orders_of(n, 1))[0, 0] - unmoved[0]) > 1e-4


@pytest.mark.parametrize("design", ["rows", "groups", "groups, target varies"])
def test_batches_of_permutations_make_no_difference(design, monkeypatch):
    model = make_study(**DESIGNS[design]).model()
    orders = orders_of(len(model.rows.roots), 11)
    expected = model.permutations(orders)
    monkeypatch.setattr(output_model_module, "NUMBERS_PER_BATCH", 1)
    np.testing.assert_allclose(model.permutations(orders), expected, atol=1e-12)


@pytest.mark.parametrize("name", ["NUMBERS_PER_BATCH_OF_TENSORS", "ONES_AT_ONCE"])
def test_batches_of_tensors_make_no_difference(name, monkeypatch):
    torch = pytest.importorskip("torch")
    model = make_study().model()
    orders = orders_of(len(model.rows.roots), 11)
    expected = model.permutations(orders)
    module = class_basis_module if name == "ONES_AT_ONCE" else output_model_module
    monkeypatch.setattr(module, name, 1)
    found = model.permutations(torch.from_numpy(orders))
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("target", ["3 classes", "numbers", None])
def test_tensors_are_permuted_as_arrays_are(design, column, target):
    torch = pytest.importorskip("torch")
    model = study_of(design, column, target, int(target == "numbers")).model()
    orders = orders_of(len(model.rows.roots))
    expected = model.permutations(orders)
    found = model.permutations(torch.from_numpy(orders))
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert np.ptp(found, axis=0).min() > 0.005


def test_groups_of_one_class_are_permuted_on_sums_over_groups():
    """What makes studies of many images of few patients fast."""
    model = make_study(**DESIGNS["groups"]).model()
    assert len(model.units.roots) == model.exchange.n_units == 30
    assert len(model.rows.roots) == 110
    assert model.expand is None


# --- groups held fixed ---------------------------------------------------------------


def test_varying_groups_are_counted():
    study = make_study(**DESIGNS["within groups"])
    varies = pd.Series(study.labels).groupby(study.groups).nunique() > 1
    assert study.model().n_varying_groups() == varies.sum()
    assert 5 < varies.sum() < 30


# --- weights -------------------------------------------------------------------------


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(
    ("target", "held"),
    [("3 classes", 0), ("2 classes", 1), (None, 0), (None, 1), ("numbers", 0)],
)
def test_weights_of_two_are_rows_that_occur_twice(column, target, held):
    study = make_study(column, target)
    study.held = [study.labels * 2 + np.arange(N) % 3][:held]
    twice = np.arange(N) % 4 == 0
    study.weights = 1.0 + twice
    again = np.concatenate([np.arange(N), np.flatnonzero(twice)])
    repeated = Sample(
        study.outputs[again],
        study.labels[again],
        None if target is None else study.target[again],
        [column[again] for column in study.held],
        np.ones(len(again)),
    )
    found, other = study.model().observed(), repeated.model().observed()
    assert found[0] == pytest.approx(other[0], abs=1e-9)
    plain = make_study(column, target).model().observed()
    assert abs(found[0] - plain[0]) > 1e-4
    # But not twice the evidence: rows that occur twice seem to be independent.
    assert (found[1:] < other[1:]).all()


# --- invariances ---------------------------------------------------------------------


def rotated(study, rng):
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    study.outputs = study.outputs @ turn


def in_another_unit(study, rng):
    study.outputs = 1e4 * study.outputs - [3.0, 1e5, 7.0]


def with_classes_in_another_order(study, rng):
    study.outputs = study.outputs[:, [2, 0, 1]]


def with_rows_in_another_order(study, rng):
    order = rng.permutation(N)
    study.outputs, study.labels = study.outputs[order], study.labels[order]
    study.weights = study.weights[order]
    study.held = [column[order] for column in study.held]
    if study.target is not None:
        study.target = study.target[order]


def with_levels_renamed(study, rng):
    if study.labels.dtype.kind != "f":
        study.labels = np.array(list("zkba"))[study.labels]
    else:
        study.labels = 1e5 - 300.0 * study.labels


def with_classes_renamed(study, rng):
    if study.target is None:
        return
    if study.target.dtype.kind != "f":
        study.target = np.array(list("xca"))[study.target]
    else:
        study.target = 1e-6 * study.target - 4.0


def with_weights_in_another_unit(study, rng):
    study.weights = 1e6 * study.weights


def with_a_constant_output(study, rng):
    study.outputs = np.column_stack([study.outputs, np.full(N, 1e3)])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(
    "change",
    [
        rotated,
        in_another_unit,
        with_classes_in_another_order,
        with_rows_in_another_order,
        with_levels_renamed,
        with_classes_renamed,
        with_weights_in_another_unit,
        with_a_constant_output,
    ],
)
def test_statistics_do_not_change(target, column, change):
    for adjustment in ("linear", "spline"):
        study = make_study(column, target, held=1, weighted=True)
        expected = study.model(adjustment).observed()
        change(study, np.random.default_rng(0))
        found = study.model(adjustment).observed()
        n_unchanged = 4
        if change is rotated:
            # Statistics look at every output in the unit of its noise.
            n_unchanged = 1
            assert np.abs(found - expected).max() > 1e-3
        np.testing.assert_allclose(
            found[:n_unchanged], expected[:n_unchanged], rtol=1e-7, atol=1e-9
        )
        assert expected[0] > 0.01
