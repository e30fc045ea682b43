"""Signed effects by level, output and class, against means of cells."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from sklearn_wsca._input.column import Column
from sklearn_wsca._input.groups import Groups, count_units
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._utilization import effects as effects_module
from sklearn_wsca._utilization.adjusted_effect import (
    examine,
)
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.effects import (
    ALL,
    SLOPE,
    class_names,
    name_carrier,
)

N = 240
NAMES = ["red", "blue"]


def column_of(labels, name, levels="abcdefgh"):
    labels = np.asarray(labels)
    rows = np.arange(len(labels))
    if labels.dtype.kind == "f":
        return Column(name, "continuous", rows, labels)
    return Column(name, "categorical", rows, labels, tuple(levels[: labels.max() + 1]))


def draw(seed=0, target=True, groups=None, moves=0.0):
    """Outputs that level "c" makes noisier, and raises in class "B" by `moves`."""
    rng = np.random.default_rng(seed)
    ill, labels = rng.integers(0, 2, N), rng.integers(0, 3, N)
    outputs = rng.standard_normal((N, 2)) * [1.0, 50.0]
    outputs *= np.where(labels == 2, 3.0, 1.0)[:, None]
    outputs += np.outer(ill, [1.0, -30.0]) + [7.0, 900.0]
    outputs += moves * np.outer((labels == 2) & (ill == 1), [1.0, 50.0])
    held = column_of(ill, "disease", "AB") if target else None
    return (
        Decision(outputs, None, np.ones(N), held, [], groups, NAMES, "linear"),
        column_of(labels, "scanner"),
    )


def unit_of(decision):
    return np.sqrt(np.sum(decision.outputs.var(axis=0)))


# --- against means of cells ----------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("significance", [0.05, 0.2])
def test_effects_without_a_target_are_those_of_level_means(seed, significance):
    """With the errors of Welch: variances within levels, each by its own rows."""
    decision, column = draw(seed, target=False)
    found = examine(decision, column, significance).effects
    outputs = decision.outputs / unit_of(decision)
    cells = [outputs[column.labels == level] for level in range(3)]
    means = np.array([cell.mean(axis=0) for cell in cells])
    errors = np.array([cell.var(axis=0, ddof=1) / len(cell) for cell in cells])
    shares = np.array([1.0 / len(cell) for cell in cells])
    assert list(found.index.names) == ["level", "output", "target_class"]
    assert len(found) == 6
    for level, label in enumerate("abc"):
        contrast = (np.arange(3) == level) - 1.0 / 3.0
        # Rows are 1 / n of each level, less what is common.
        squares = contrast[:, None] ** 2 * errors
        n = [len(cell) for cell in cells]
        sums = sum(contrast**2 * shares)
        fourth = sum(m * (c / m) ** 4 for m, c in zip(n, contrast, strict=True))
        assert fourth > 0
        for output, name in enumerate(NAMES):
            row = found.loc[(label, name, ALL)]
            assert row["effect"] == pytest.approx(contrast @ means[:, output])
            assert (row["n_rows"], row["n_units"]) == (n[level], n[level])
            half = np.sqrt(squares[:, output].sum())
            # One number of degrees of freedom for all levels of a part.
            tail = (row["high"] - row["effect"]) / half
            degrees = N - 3
            at_most = stats.t.isf(significance / 2, degrees / 4)
            assert stats.t.isf(significance / 2, degrees) <= tail <= at_most
            assert row["effect"] - row["low"] == pytest.approx(half * tail)
        assert sums > 0


@pytest.mark.parametrize("seed", range(3))
def test_effects_in_a_class_are_those_of_its_cells(seed):
    decision, column = draw(seed, moves=2.0)
    found = examine(decision, column, 0.05).effects
    outputs, ill = decision.outputs / unit_of(decision), decision.target.labels
    for number, name in enumerate("AB"):
        means = np.array(
            [
                outputs[(column.labels == level) & (ill == number)].mean(axis=0)
                for level in range(3)
            ]
        )
        expected = means - means.mean(axis=0)
        part = found.xs(name, level="target_class")
        np.testing.assert_allclose(part["effect"], expected.ravel(), atol=1e-9)
        counts = np.bincount(column.labels[ill == number])
        np.testing.assert_array_equal(part["n_rows"], np.repeat(counts, 2))
    # Common effects are those of an additive model.
    design = np.column_stack([np.eye(3)[column.labels], ill])
    coef = np.linalg.lstsq(design, outputs, rcond=None)[0][:3]
    part = found.xs(ALL, level="target_class")
    np.testing.assert_allclose(part["effect"], (coef - coef.mean(axis=0)).ravel())
    assert np.abs(part["effect"]).max() > 0.05


@pytest.mark.parametrize("kind", ["categorical", "continuous"])
def test_a_slope_is_the_effect_of_one_standard_deviation(kind):
    rng = np.random.default_rng(0)
    age, (decision, _) = 60.0 + 9.0 * rng.standard_normal(N), draw(0)
    ill = decision.target.labels
    decision.outputs[:, 0] += 0.1 * age * (1 + ill)
    if kind == "continuous":
        target = column_of(ill + rng.random(N), "severity")
        decision = replace(decision, target=target)
    found = examine(decision, column_of(age, "age"), 0.05).effects
    assert list(found.index.unique("level")) == [SLOPE]
    held = np.eye(2)[ill] if kind == "categorical" else decision.target.labels[:, None]
    design = np.column_stack([age, held, np.ones(N)])
    outputs = decision.outputs / unit_of(decision)
    coef = np.linalg.lstsq(design, outputs, rcond=None)[0][0] * age.std()
    np.testing.assert_allclose(found.xs(ALL, level="target_class")["effect"], coef)
    names = ["A", "B"] if kind == "categorical" else 3
    classes = [name for name in found.index.unique("target_class") if name != ALL]
    assert classes == names or len(classes) == names
    if kind == "categorical":
        for number, name in enumerate("AB"):
            own = ill == number
            slopes = np.polyfit(age[own], outputs[own], 1)[0] * age.std()
            part = found.xs(name, level="target_class")
            np.testing.assert_allclose(part["effect"], slopes)
    else:
        assert all(" to " in name for name in classes)
        assert found["n_rows"].iloc[2:].sum() == 2 * N


@pytest.mark.parametrize("images", [1, 4])
def test_units_are_patients(images):
    groups = Groups.of(pd.Series(np.arange(N) // images)) if images > 1 else None
    decision, column = draw(0, groups=groups)
    by_patient = replace(column, labels=column.labels[np.arange(N) // images])
    found = examine(decision, by_patient, 0.05).effects.xs(ALL, level="target_class")
    np.testing.assert_array_equal(found["n_rows"], images * found["n_units"])
    counts = count_units(by_patient, np.arange(N) // images)
    np.testing.assert_array_equal(found["n_units"].iloc[::2], counts)
    assert counts.sum() == N / images


@pytest.mark.slow
def test_intervals_of_effects_cover():
    """Of the noisy level, too."""
    covered = n = 0
    for seed in range(60):
        decision, column = draw(seed, moves=1.5)
        found = examine(decision, column, 0.05).effects.xs("B", level="target_class")
        truth = np.outer([-0.5, -0.5, 1.0], [1.0, 50.0]).ravel() / unit_of(decision)
        covered += np.sum((found["low"] <= truth) & (truth <= found["high"]))
        n += 6
    # Levels share their noise, so these are not as many studies.
    assert 0.91 < covered / n < 0.99


def test_levels_that_a_class_lacks_have_no_effect_there():
    decision, column = draw(0)
    column.labels[(decision.target.labels == 0) & (column.labels == 1)] = 0
    found = examine(decision, column, 0.05).effects.xs("A", level="target_class")
    assert found.loc["b", "effect"].isna().all()
    assert (found.loc["b", "n_rows"] == 0).all()
    assert found.loc[["a", "c"], "effect"].notna().all()


def test_with_very_many_classes_each_is_shown_with_its_own_output(monkeypatch):
    decision, column = draw(0)
    decision = replace(decision, names=["A", "B"])
    everything = examine(decision, column, 0.05).effects
    monkeypatch.setattr(effects_module, "MOST_CLASSES", 1)
    found = examine(decision, column, 0.05).effects
    assert len(everything) == 18
    own = found.index.to_frame()
    assert ((own["output"] == own["target_class"]) | (own["target_class"] == ALL)).all()
    assert len(found) == 12
    pd.testing.assert_frame_equal(found, everything.loc[found.index])


# --- names ---------------------------------------------------------------------------


def test_classes_have_names_and_thirds_have_ranges():
    ages = np.array([10.0, 20.0, 31.23456, 40.0, 55.0, 60.0])
    thirds = np.array([0, 0, 1, 1, 2, 2])
    assert class_names(column_of(ages, "age"), thirds) == [
        "10 to 20",
        "31.23 to 40",
        "55 to 60",
    ]
    assert class_names(column_of(thirds, "disease"), thirds) == ["a", "b", "c"]
    assert class_names(None, np.zeros(6, int)) == [ALL]


def test_a_class_may_be_named_all():
    labels = np.array(["all", "none"] * 3)
    target = read_column(pd.Series(labels, name="disease"))
    assert class_names(target, target.labels) == ["class 'all'", "none"]


@pytest.mark.parametrize("seed", range(3))
def test_who_carries_an_effect_is_named(seed):
    decision, column = draw(seed)
    plain = decision.outputs.copy()
    decision.outputs[column.labels == 1] += [3.0, 150.0]
    assert examine(decision, column, 0.05).carrier == "most under 'b'"
    decision = replace(decision, outputs=plain)
    # What nearly cancels over classes is named by the class.
    n = np.bincount(decision.target.labels)
    sign = np.where(decision.target.labels == 1, 1.0, -n[1] / n[0])
    sign *= column.labels == 1
    decision.outputs[:] += np.outer(sign, [8.0, 400.0])
    carrier = examine(decision, column, 0.05).carrier
    assert carrier in ("most under 'b' among 'A'", "most under 'b' among 'B'")
    two = replace(column, labels=column.labels % 2, levels=("a", "b"))
    decision.outputs[two.labels == 1] += [3.0, 150.0]
    assert "under" not in examine(decision, two, 0.05).carrier
    empty = examine(decision, two, 0.05).effects.assign(high=np.nan)
    assert name_carrier(empty) == ""


# --- the largest shift ---------------------------------------------------------------


def binary(seed, drop=0.0, among=(0, 1), share=0.5):
    """One probability, that level "b" lowers in some classes."""
    rng = np.random.default_rng(seed)
    ill = (rng.random(N) < share).astype(int)
    labels = rng.integers(0, 2, N)
    score = 3.0 * ill - 1.5 + 0.5 * rng.standard_normal(N)
    score -= drop * ((labels == 1) & np.isin(ill, among))
    probabilities = special.expit(score)[:, None]
    target = column_of(ill, "disease", "AB")
    decision = Decision(
        score[:, None], probabilities, np.ones(N), target, [], None, ["ill"]
    )
    return decision, column_of(labels, "scanner")


@pytest.mark.parametrize("seed", range(3))
def test_the_shift_says_which_way_and_among_whom(seed):
    decision, column = binary(seed, drop=2.0, among=[1])
    found = examine(decision, column, 0.05).shift
    p, ill = decision.probabilities[:, 0], decision.target.labels
    a, b = (p[(ill == 1) & (column.labels == k)] for k in (0, 1))
    assert found.points == pytest.approx(100.0 * (a.mean() - b.mean()))
    assert 20.0 < found.low < found.points < found.high
    words = "higher under 'a' than under 'b' among 'B'"
    assert found.sentence == ("the probability of 'ill' is", words)
    # The other way round.
    decision, column = binary(seed, drop=-2.0)
    found = examine(decision, column, 0.05).shift
    assert "higher under 'b' than under 'a'" in found.sentence[1]
    points = 100.0 * decision.probabilities
    effects = examine(decision, column, 0.05).effects["points"]
    for number, name in enumerate("AB"):
        means = [points[(ill == number) & (column.labels == k)].mean() for k in (0, 1)]
        expected = np.subtract(means, np.mean(means))
        np.testing.assert_allclose(effects.xs(name, level="target_class"), expected)


def test_of_two_probabilities_that_are_opposite_the_second_is_told_for_all():
    decision, column = binary(0, drop=2.0)
    p = decision.probabilities
    both = replace(
        decision,
        outputs=np.hstack([-decision.outputs, decision.outputs]),
        probabilities=np.hstack([1.0 - p, p]),
        names=["well", "ill"],
    )
    for sign in (1, -1):
        turned = replace(column, labels=column.labels[::sign])
        one, two = (examine(d, turned, 0.05).shift for d in (decision, both))
        assert two.output == "ill"
        assert (two.points, two.low, two.higher) == pytest.approx(
            (one.points, one.low, one.higher)
        )
    # Two findings of one image are no opposites.
    apart = replace(both, probabilities=np.hstack([p[::-1] / 9.0, p]))
    swapped = replace(both, probabilities=np.hstack([p, p[::-1] / 9.0]))
    assert examine(apart, column, 0.05).shift.output == "ill"
    assert examine(swapped, column, 0.05).shift.output == "well"


@pytest.mark.slow
def test_without_a_move_the_shift_is_the_common_one_and_may_be_nothing():
    sure = among = 0
    for seed in range(60):
        found = examine(*binary(seed), 0.05).shift
        sure += found.low > 0.0
        among += "among" in found.sentence[1]
    # Corrected over outputs, classes and pairs.
    assert sure <= stats.binom.ppf(0.999, 60, 0.05)
    assert among <= sure


def test_a_slope_has_a_direction():
    rng = np.random.default_rng(0)
    decision, _ = binary(0)
    age = rng.standard_normal(N)
    probabilities = special.expit(decision.outputs[:, 0] - age)[:, None]
    decision = replace(decision, probabilities=probabilities)
    found = examine(decision, column_of(age, "age"), 0.05).shift
    words = "lower with one standard deviation more"
    assert found.sentence[0] == "the probability of 'ill' is"
    assert found.sentence[1].startswith(words)
    assert found.points > 5.0
