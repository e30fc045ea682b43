"""The screening of a table as users call it."""

import json

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import MetadataScreen, WeightSpaceCorrelation, screen_metadata
from sklearn_wsca._backend.progress import watch_progress
from sklearn_wsca._progress import STEPS
from tests.screening.tables import draw_patients, draw_table

QUICK = {"n_permutations": 19, "random_state": 0}


def draw_study():
    """Patients whose site follows the scanner, and columns that cannot be judged."""
    table = draw_patients(n=60)
    sick = table["disease"] == "yes"
    site = table["scanner"].map({"A": "north", "B": "south"})
    return table.assign(
        site=site.where(table["patient"] != "patient 3", "south"),
        hopeless=np.where(sick, "S", np.where(table["age"] > 60, "H", "G")),
        constant=1,
    )


@pytest.fixture(scope="module")
def found():
    return screen_metadata(draw_study(), "disease", groups="patient", **QUICK)


def test_the_table_of_columns(found):
    assert isinstance(found, MetadataScreen)
    columns = found.columns
    names = ["scanner", "age", "view", "site", "hopeless", "constant"]
    assert columns.index.tolist() == names
    assert columns.index.name == "column"
    outlook = columns["outlook"].to_dict()
    assert outlook["hopeless"] == "untestable"
    assert outlook["constant"] == "left out"
    assert outlook["scanner"] == "too small"
    assert columns.loc["hopeless", "n_empty_cells"] == 3
    assert columns.loc["scanner", "n_units"] == 60
    assert columns.loc["hopeless", "target_association"] == pytest.approx(1.0)
    assert columns.loc["hopeless", "association_pvalue"] == 0.05
    assert pd.isna(columns.loc["constant", "n_levels"])
    # The view changes within patients, whose noise it is compared in.
    detectable = columns["minimum_detectable_effect"]
    assert detectable["view"] < detectable["scanner"] < 0.6
    assert columns.loc["scanner", "units_needed"] > 60


def test_the_other_tables(found):
    levels = found.levels
    assert levels.index.names == ["column", "level", "target_class"]
    assert levels.loc[("hopeless", "S", "no"), "finding"] == "empty"
    assert (
        levels.xs("all", level="target_class")
        .groupby("column")["n_rows"]
        .sum()
        .nunique()
        == 1
    )
    pairs = found.confusable
    assert {("scanner", "site"), ("site", "scanner")} <= set(pairs.index)
    assert pairs.loc[("scanner", "site"), "association"] > 0.8
    # One patient tells the two apart, and an audit needs more.
    assert pairs.loc[("scanner", "site"), "reason"] != ""
    json.dumps(found.to_dict(), allow_nan=False)
    assert "'scanner' and 'site' stand for each other" in found.to_text()


def test_associations_are_those_of_the_audit(found):
    table = draw_study()
    analysis = WeightSpaceCorrelation(
        "disease", groups="patient", n_permutations=0, diagnostics=False
    )
    analysis.fit(np.random.default_rng(0).standard_normal((len(table), 3)), table)
    expected = analysis.summary_["target_association"]
    assert found.columns["target_association"].to_numpy() == pytest.approx(
        expected.loc[found.columns.index].to_numpy(), nan_ok=True
    )


def test_the_order_of_the_rows_does_not_matter(found):
    shuffled = draw_study().sample(frac=1.0, random_state=1)
    other = screen_metadata(shuffled, "disease", groups="patient", **QUICK)
    pd.testing.assert_frame_equal(found.columns, other.columns)
    pd.testing.assert_frame_equal(found.levels, other.levels)


def test_a_seed_decides():
    table = draw_table(n=100)
    one, same, other = (
        screen_metadata(table, "disease", n_permutations=19, random_state=seed)
        for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(one.columns, same.columns)
    assert not one.columns.equals(other.columns)


def test_arguments_reach_what_they_are_about():
    table = draw_table(n=200).assign(site=lambda t: np.arange(len(t)) % 3)
    options = {
        "columns": ["site", ("scanner", "site")],
        "confounders": ["age"],
        "kinds": {"site": "categorical"},
    }
    usual = screen_metadata(table, "disease", **options, **QUICK)
    assert usual.columns["n_levels"].tolist() == [3, 6]
    assert (usual.confounders, usual.groups) == (["age"], None)
    assert "scanner & site" in usual.to_text(("scanner", "site"))
    json.dumps(usual.to_dict(), allow_nan=False)
    easy = screen_metadata(table, "disease", min_effect=2.0, **options, **QUICK)
    assert easy.columns["outlook"].tolist() == ["enough", "enough"]
    assert usual.columns["outlook"].tolist() == ["too small", "too small"]
    assert easy.columns["units_needed"].isna().all()


def test_numbers_as_target_and_column():
    table = draw_table(n=200)[["age"]].assign(
        dose=lambda t: 0.1 * t["age"] + np.random.default_rng(1).standard_normal(200)
    )
    found = screen_metadata(table, "dose", **QUICK)
    assert found.columns.loc["age", "kind"] == "continuous"
    assert 0.05 < found.columns.loc["age", "minimum_detectable_effect"] < 0.4
    assert len(found.levels) == 4


def test_an_array_has_names_of_its_own():
    table = draw_table(n=80)[["scanner", "disease"]].to_numpy()
    found = screen_metadata(table, "x1", **QUICK)
    assert found.columns.index.tolist() == ["x0"]


def test_nothing_is_changed():
    table = draw_study()
    before = table.copy(deep=True)
    screen_metadata(table, "disease", groups="patient", **QUICK)
    pd.testing.assert_frame_equal(table, before)


def test_progress_is_told():
    told = []
    with watch_progress(lambda *step: told.append(step)):
        screen_metadata(draw_table(n=80), "disease", **QUICK)
    names = list(dict.fromkeys(name for name, _, _ in told))
    assert names == ["association", "detectable"]
    assert set(names) <= set(STEPS)
    for name in names:
        own = [step for step in told if step[0] == name]
        assert own[0][1] == 0 and own[-1][1] == own[-1][2] > 0


def test_rows_without_a_value_are_said():
    table = draw_table(n=100)
    table.loc[:4, "disease"] = None
    table.loc[7, "scanner"] = "C"
    found = screen_metadata(table, "disease", **QUICK)
    assert (found.n_samples, found.n_used) == (100, 95)
    assert "target 'disease': 5 rows have no value" in found.notes[0]
    assert "rare levels ('C'" in found.notes[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"auroc": 1.0}, "auroc"),
        ({"auroc": 0.4}, "auroc"),
        ({"intraclass_correlation": -0.1}, "intraclass_correlation"),
        ({"n_permutations": -1}, "n_permutations"),
        ({"min_effect": -0.1}, "min_effect"),
        ({"significance": 0.0}, "significance"),
        ({"adjustment": "cubic"}, "adjustment: 'cubic' is not known"),
        ({"target": "sick"}, "target: there is no column 'sick'"),
        ({"random_state": "seed"}, "seed"),
    ],
)
def test_bad_settings_end_in_one_line(options, message):
    options = {"target": "disease"} | options
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        screen_metadata(draw_table(n=60), **options)
    assert "\n" not in str(caught.value)


def test_too_few_permutations_for_the_level_are_warned_of():
    with pytest.warns(UserWarning, match="use n_permutations=19 or more"):
        screen_metadata(draw_table(n=60), "disease", n_permutations=9, random_state=0)


@pytest.mark.parametrize(
    "columns",
    [
        [("site", "scanner"), "age"],
        ["age", ("site", "scanner"), "scanner"],
        [("site", "scanner", "view"), ("site", "view"), "site"],
    ],
)
def test_combinations_stand_beside_names_in_any_order(columns):
    found = screen_metadata(draw_study(), "disease", columns=columns, **QUICK)
    assert found.columns.index.tolist() == columns
    levels = found.levels.index.get_level_values("column")
    kept = found.columns.index[found.columns["outlook"] != "left out"]
    assert list(dict.fromkeys(levels)) == kept.tolist()
    assert all(found.to_text(name) for name in columns)
    json.dumps(found.to_dict())


@pytest.mark.parametrize("groups", [None, "patient"])
def test_a_copy_of_the_target_is_called_a_shortcut(groups):
    rng = np.random.default_rng(0)
    ill = np.where(rng.random(300) < 0.3, "yes", "no")
    table = pd.DataFrame(
        {
            "disease": ill,
            "scanner": np.where(ill == "yes", "B", "A"),
            "nearly": np.where(ill == "yes", "B", "A"),
            "constant": "c",
            "site": rng.choice(["n", "s"], 300),
            "patient": np.arange(300) // 2,
        }
    )
    table.loc[:3, "nearly"] = "B"
    found = screen_metadata(
        table, "disease", groups=groups, n_permutations=19, random_state=0
    )
    row = found.columns.loc["scanner"]
    assert row["outlook"] == "left out"
    assert row["target_association"] == pytest.approx(1.0)
    sentence = found.to_text("scanner")
    assert sentence.startswith("'scanner' could be a shortcut, and there is no stron")
    assert sentence.endswith(" An audit leaves it out.")
    (step,) = (s for s in found.next_steps() if "copy of the target" in s)
    assert step.startswith("'scanner' is a copy of the target in these rows.")
    assert np.isnan(found.columns.loc["constant", "target_association"])
    assert "shortcut" not in found.to_text("constant")
    assert found.columns.loc["nearly", "outlook"] != "left out"


def test_the_copy_of_a_number_is_found_whatever_its_unit():
    rng = np.random.default_rng(0)
    age = rng.normal(60.0, 9.0, 200)
    table = pd.DataFrame(
        {"age": age, "months": 12.0 * age, "dose": rng.normal(size=200)}
    )
    found = screen_metadata(table, "age", n_permutations=19, random_state=0)
    assert found.columns.loc["months", "target_association"] == pytest.approx(1.0)
    assert "'months' is a copy of the target" in found.next_steps()[0]
