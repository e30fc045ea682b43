"""What is refused of units, levels, repeats and targets, and what is said of them."""

import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import intervention_test
from tests.interventions.studies import make_study, run


def leave_once(outputs, table):
    kept = (table["unit"] != "patient 3") | (table["level"] == "scanner B")
    return outputs[kept], table[kept]


def double(outputs, table):
    rows = [*range(len(table)), 5]
    return outputs[rows], table.iloc[rows].reset_index(drop=True)


def with_value(column, value, row=4):
    def change(outputs, table):
        values = table[column].astype(object)
        values[row] = value
        return outputs, table.assign(**{column: values})

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            leave_once,
            "^unit: 1 of 40 units were seen under one level only.*'patient 3'",
        ),
        (
            lambda outputs, table: (outputs[::3], table.iloc[::3]),
            "^level: all 40 rows have the level 'scanner A'",
        ),
        (double, "^unit: unit 'patient 1' under level 'scanner C' has several rows"),
        (with_value("unit", None), "^unit: 1 of 120 rows have none.*row 4 "),
        (with_value("level", np.nan), "^level: 1 of 120 rows have none"),
        (with_value("target", None), "^target: 1 of 120 rows have none"),
        (with_value("target", "well"), "^target: unit 'patient 1' has several"),
        (with_value("level", ["a", "list"]), "^level: .*cannot be names"),
        (
            lambda outputs, table: (outputs[:-1], table),
            "level has 120 rows and outputs has 119",
        ),
        (
            lambda outputs, table: (
                [row.tolist()[: 2 + i % 2] for i, row in enumerate(outputs)],
                table,
            ),
            "^outputs: the rows of the outputs differ in length",
        ),
        (
            lambda outputs, table: (np.where(outputs > 5.5, np.nan, outputs), table),
            "^outputs",
        ),
        (
            lambda outputs, table: (outputs[:6], table.iloc[:6]),
            "^unit: there are 2 units",
        ),
        (
            lambda outputs, table: (
                pd.DataFrame(outputs).iloc[::-1],
                table,
            ),
            "the same labels in a different order",
        ),
    ],
)
def test_bad_input_is_one_clear_error(change, message):
    with pytest.raises(ValueError, match=message) as error:
        run(*change(*make_study()))
    assert "\n" not in str(error.value)


def test_repeats_must_differ():
    outputs, table = make_study(n_repeats=2)
    with pytest.raises(ValueError, match=r"^unit: .*pass repeats"):
        run(outputs, table)
    with pytest.raises(ValueError, match=r"^repeats: .*two rows of the same repeat"):
        run(outputs, table.assign(repeat=1), repeats=True)


@pytest.mark.parametrize("name", ["level", "unit"])
def test_levels_and_units_are_needed(name):
    outputs, table = make_study()
    arguments = {"level": table["level"], "unit": table["unit"], name: None}
    with pytest.raises(ValueError, match=f"^{name} is None"):
        intervention_test(outputs, **arguments)


@pytest.mark.parametrize("value", [0.0, 1.0, -1])
def test_settings_are_checked(value):
    with pytest.raises(ValueError, match="significance"):
        run(*make_study(), significance=value)


def test_levels_that_nothing_links_are_refused():
    outputs, table = make_study()
    unit = table["unit"].str.split().str[1].astype(int)
    others = table["level"].where(unit % 2 == 0, table["level"] + " of others")
    with pytest.raises(ValueError, match=r"^level: no unit links"):
        run(outputs, table.assign(level=others))


@pytest.mark.parametrize(
    ("study", "options", "message"),
    [
        ({"n": 3, "n_levels": 2}, {"target": False}, "no p-value can be below 0.25"),
        ({"n": 40}, {"n_permutations": 9}, "n_permutations=9: no p-value can be below"),
    ],
)
def test_what_no_pvalue_can_show_is_said(study, options, message):
    with pytest.warns(UserWarning, match=message):
        run(*make_study(common=0.2, noise=0.1, **study), **options)


def test_repeats_that_there_are_not_are_said():
    study = make_study(common=0.2, noise=0.2)
    with pytest.warns(UserWarning, match="no unit was seen twice"):
        found = run(*study, repeats=True)
    assert found.includes_noise
    assert found.sensitivity == run(*study).sensitivity


def test_exchanged_arguments_are_suspected():
    outputs, table = make_study(noise=0.1)
    exchanged = table.rename(columns={"unit": "level", "level": "unit"})
    with pytest.warns(UserWarning, match="40 levels and 3 units"):
        run(outputs, exchanged, target=False)


def test_no_permutations_give_no_pvalue():
    found = run(*make_study(common=0.2), n_permutations=0)
    assert np.isnan(found.pvalue)
    assert found.sensitivity > 0.05


def test_nothing_is_said_where_all_is_well():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = run(*make_study(common=0.2, noise=0.2))
    assert found.notes == ()
    assert found.scheme == "levels within units"
