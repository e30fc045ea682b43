"""Numbers of the same units under several levels are those of their definition."""

import numpy as np
import pytest
from scipy import special

from sklearn_wsca import InterventionResult, intervention_test
from tests.interventions.studies import ESTIMATES, make_study, run, truth_of


@pytest.mark.parametrize("single", [0.0, 0.5])
def test_numbers_are_those_of_their_definition(single):
    outputs, table = make_study(common=0.3, single=single)
    truth = truth_of(outputs, table)
    found = run(outputs, table)
    assert isinstance(found, InterventionResult)
    assert found.sensitivity == pytest.approx(truth["sensitivity"], rel=1e-9)
    assert found.sensitivity > 0.05
    if single:
        # What the noise of the means adds is removed.
        assert 0.5 * truth["raw shift"] < found.shift < truth["raw shift"]
        assert found.shift < 0.9 * found.sensitivity
    else:
        assert found.shift == pytest.approx(found.sensitivity, rel=1e-9)
    for name in ESTIMATES:
        low, high = (getattr(found, f"{name}_{end}") for end in ("low", "high"))
        assert 0.0 <= low <= getattr(found, name) <= high <= 1.0
    assert found.n_units == 40
    assert found.n_rows_by_level.to_list() == [40, 40, 40]


def test_flipped_is_the_share_of_changed_decisions():
    outputs, table = make_study(single=1.5)
    decisions = outputs.argmax(axis=1).reshape(-1, 3)
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = np.mean([decisions[:, i] != decisions[:, j] for i, j in pairs])
    found = run(outputs, table)
    assert found.flipped == pytest.approx(expected)
    assert 0.05 < expected < 0.95
    own = np.mean([decisions[:, i] != decisions[:, j] for i, j in pairs], axis=0)
    by_unit = found.units.loc[[f"patient {i}" for i in range(40)], "flipped"]
    np.testing.assert_allclose(by_unit, own)


@pytest.mark.parametrize(
    ("make", "target", "has_decisions"),
    [
        (lambda score: score, None, False),
        (special.expit, None, True),
        (lambda score: score, "two", True),
        (lambda score: score, "number", False),
        (special.expit, "number", False),
    ],
)
def test_a_single_output_is_a_decision_where_that_is_known(make, target, has_decisions):
    outputs, table = make_study(single=1.0)
    score = outputs[:, 1] + 2.0
    unit = table["unit"].str.split().str[1].astype(int)
    targets = {"two": np.where(unit % 2, "ill", "well"), "number": 0.37 * unit}
    found = intervention_test(
        make(score),
        table["level"],
        table["unit"],
        target=targets.get(target),
        n_permutations=19,
        significance=0.1,
    )
    assert np.isnan(found.flipped) != has_decisions
    if has_decisions:
        signs = (score > 0).reshape(-1, 3)
        changed = [signs[:, i] != signs[:, j] for i, j in ((0, 1), (0, 2), (1, 2))]
        assert found.flipped == pytest.approx(np.mean(changed))
        assert found.flipped > 0.05


def test_without_target_there_is_one_class():
    outputs, table = make_study(common=0.3, single=0.3)
    table["target"] = "all of them"
    one = run(outputs, table)
    without = run(outputs, table, target=False)
    assert without.shift == one.shift
    assert without.effects.index.equals(one.effects.index)


def test_classes_that_move_apart_are_seen_with_the_target_only():
    outputs, table = make_study(n=60)
    sign = table["target"].map({"well": 1.0, "mild": 0.0, "severe": -1.0}).to_numpy()
    step = table["level"].map({"scanner A": 0, "scanner B": 1, "scanner C": 2})
    outputs[:, 2] += 2.0 * sign * step.to_numpy()
    with_target = run(outputs, table)
    assert with_target.shift == pytest.approx(with_target.sensitivity)
    assert with_target.pvalue == 1 / 40
    without = run(outputs, table, target=False)
    assert without.shift < 0.3 * with_target.shift
    assert without.sensitivity == with_target.sensitivity


def test_thirds_of_a_number_are_its_classes():
    outputs, table = make_study(common=0.2, n=60)
    number = table["unit"].str.split().str[1].astype(float) * 1.7
    found = run(outputs[:, :1], table.assign(target=number))
    names = found.effects.index.unique("target_class")
    assert len(names) == 4
    assert names[0] == "all"
    assert "0 to" in names[1]


def test_effects_are_the_signed_moves():
    outputs, table = make_study(common=0.5, single=0.2)
    truth = truth_of(outputs, table)
    found = run(outputs, table)
    own = found.effects.xs("all", level="target_class")["effect"].unstack("output")
    expected = truth["moves"].mean(axis=0) / np.sqrt(truth["spread"])
    np.testing.assert_allclose(own.to_numpy(), expected, rtol=1e-9, atol=1e-12)
    severe = found.effects.xs("severe", level="target_class")["effect"].unstack(
        "output"
    )
    members = (table["target"] == "severe").to_numpy()[::3]
    expected = truth["moves"][members].mean(axis=0) / np.sqrt(truth["spread"])
    np.testing.assert_allclose(severe.to_numpy(), expected, rtol=1e-9, atol=1e-12)
    assert (found.effects["low"] < found.effects["effect"]).all()


# --- missing cells -------------------------------------------------------------------


def test_missing_cells_do_not_bias():
    complete = truth_of(*make_study(n=300, common=0.3, single=0.3))
    outputs, table = make_study(n=300, common=0.3, single=0.3, missing=0.4)
    assert table.groupby("unit").size().min() == 2
    found = run(outputs, table)
    assert found.sensitivity == pytest.approx(complete["sensitivity"], rel=0.1)
    assert found.shift == pytest.approx(complete["raw shift"], rel=0.15)
    own = found.effects.xs("all", level="target_class")["effect"].unstack("output")
    expected = complete["moves"].mean(axis=0) / np.sqrt(complete["spread"])
    np.testing.assert_allclose(own.to_numpy(), expected, atol=0.03)


def test_cells_that_are_missing_with_the_unit_do_not_bias():
    """Ill patients were not on scanner C: their level is no effect of the scanner."""
    outputs, table = make_study(n=90)
    outputs[:, 0] += 30.0 * (table["target"] == "severe")
    gone = (table["target"] == "severe") & (table["level"] == "scanner C")
    with pytest.warns(UserWarning, match="leaves out 'severe'"):
        found = run(outputs[~gone], table[~gone])
    assert found.sensitivity == pytest.approx(0.0, abs=1e-9)
    assert found.shift == pytest.approx(0.0, abs=1e-9)
    assert found.pvalue > 0.5


def test_levels_that_share_no_unit_are_named():
    outputs, table = make_study(n=60, common=0.3)
    unit = table["unit"].str.split().str[1].astype(int)
    absent = np.where(unit % 2, "scanner A", "scanner C")
    kept = table["level"] != absent
    with pytest.warns(UserWarning, match="under 'scanner A' and 'scanner C'"):
        found = run(outputs[kept], table[kept], target=False)
    assert found.shift > 0.05
    assert len(found.notes) == 1


def test_nothing_at_all_moves():
    outputs, table = make_study()
    found = run(outputs, table)
    assert (found.sensitivity, found.shift, found.flipped) == (0.0, 0.0, 0.0)
    assert (found.sensitivity_high, found.shift_high) == (0.0, 0.0)
    assert 0.0 < found.flipped_high < 0.15
    assert found.pvalue == 1.0


@pytest.mark.parametrize("shape", [(120,), (120, 3)])
@pytest.mark.parametrize("value", [0.0, 0.3, 1e8])
def test_outputs_that_do_not_vary_are_refused(shape, value):
    _, table = make_study()
    with pytest.raises(ValueError, match="outputs: they do not differ"):
        intervention_test(np.full(shape, value), table["level"], table["unit"])


def test_logits_that_move_together_are_no_outputs_that_vary():
    """Equal in all classes of a row, they say the same of every row."""
    _, table = make_study()
    logits = np.repeat(np.random.default_rng(0).standard_normal((120, 1)), 3, axis=1)
    with pytest.raises(ValueError, match="do not differ from class to class"):
        intervention_test(logits, table["level"], table["unit"])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_effects_are_as_uncertain_as_their_unit(seed):
    """Units that all move alike leave the standard deviation to be estimated."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(100), 2)
    level = np.tile(["A", "B"], 100)
    score = rng.standard_normal(100)[unit] + 0.5 * (level == "B")
    found = intervention_test(score, level, unit, n_permutations=0)
    truth = 0.25 / np.sqrt(1.0 + 0.25**2)
    move = found.effects.loc[("B", 0, "all")]
    assert move["low"] < truth < move["high"]
    width = found.shift_high - found.shift_low
    assert move["high"] - move["low"] == pytest.approx(width, rel=0.05)
    assert "How many decisions change is not said" in found.to_text()
    sick = (np.arange(100) % 2)[unit]
    told = intervention_test(score, level, unit, target=sick, n_permutations=0)
    assert "of the decisions change" in told.to_text()
    assert "is not said" not in told.to_text()
