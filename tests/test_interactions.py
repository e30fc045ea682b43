"""Interactions from the estimator to its reports, and from predictions alone."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from sklearn_wsca import WeightSpaceCorrelation, utilization_test
from sklearn_wsca.datasets import make_shortcut

N = 500
BOTH = "scanner x site"
LAST = "age x site"


def study(seed=0, effect=0.6, n=N):
    """A network that uses an exclusive-or of scanner and site, and the scanner."""
    made = make_shortcut(n, 16, n_levels=2, encoding=1.5, use=0.3, random_state=seed)
    rng = np.random.default_rng(seed)
    metadata = made.metadata.assign(site=rng.choice(["north", "south"], n))
    signs = [
        np.where(metadata[name] == level, 1.0, -1.0)
        for name, level in (("scanner", "scanner A"), ("site", "north"))
    ]
    coef, _ = made.head
    moved = effect / 2 * signs[0] * signs[1]
    X = made.data + np.outer(moved, coef[0] / np.linalg.norm(coef[0]))
    return X, metadata, made.head


EVERY_X, EVERY_ROW, HEAD = study(n=2 * N)
X, TABLE = EVERY_X[:N], EVERY_ROW[:N]
SETTINGS = {
    "target_head": HEAD,
    "n_permutations": 99,
    "random_state": 0,
    "held_out": True,
    "diagnostics": False,
    "interactions": [("scanner", "site"), ("age", "site")],
}


@pytest.fixture(scope="module")
def analysis():
    return WeightSpaceCorrelation("target", **SETTINGS).fit(X, TABLE)


def test_each_pair_is_a_row_of_its_own(analysis):
    table = analysis.summary_
    assert list(table.index) == ["scanner", "age", "batch", "site", BOTH, LAST]
    assert list(table["kind"])[-2:] == ["interaction"] * 2
    assert table.loc[BOTH, "n_levels"] == 4
    assert table.loc[LAST, "n_levels"] == 2
    unknown = table.columns[3:13]
    assert table.loc[[BOTH, LAST], unknown].isna().all(axis=None)
    assert BOTH not in analysis.heads_
    assert BOTH not in analysis.alignment_scores_.index


def test_the_exclusive_or_is_used_and_the_other_pair_is_not(analysis):
    outputs = X @ HEAD[0].T + HEAD[1]
    truth = 0.3 * np.linalg.norm(HEAD[0]) / outputs.std()
    found = analysis.summary_.loc[BOTH]
    assert found["verdict"] == "used"
    assert found["utilization_low"] < truth < found["utilization_high"]
    assert "at fixed 'target' and 'scanner' and 'site' the outputs" in found["note"]
    assert "an interaction has no encoding and no alignment" in found["note"]
    assert analysis.verdicts_[LAST] in ("inconclusive", "not used")


def test_effects_have_a_row_for_every_combination(analysis):
    effects = analysis.effects_.loc[BOTH].xs("all", level="target_class")
    values = effects["effect"].droplevel("output")
    assert list(values.index) == [
        f"scanner {scanner} x {site}" for scanner in "AB" for site in ("north", "south")
    ]
    np.testing.assert_allclose(values, values.iloc[0] * np.array([1, -1, -1, 1]))
    assert effects["n_rows"].sum() == N
    slopes = analysis.effects_.loc[LAST].index.unique("level")
    assert list(slopes) == ["north x +1 SD", "south x +1 SD"]
    note = analysis.summary_.loc[BOTH, "note"]
    assert "beyond what each column does alone" in note


def test_verdicts_without_a_probe_are_never_not_encoded():
    """With diagnostics, too; and an unused one can be told to be not used."""
    X, table, head = study(1, effect=0.0, n=2000)
    settings = SETTINGS | {
        "target_head": head,
        "diagnostics": True,
        "columns": ["scanner"],
        "interactions": [("scanner", "site")],
    }
    found = WeightSpaceCorrelation("target", **settings).fit(X, table)
    assert found.verdicts_[BOTH] == "not used"
    note = found.summary_.loc[BOTH, "note"]
    assert note.startswith("at fixed 'target' and 'scanner' and 'site' the outputs")
    assert list(found.summary_.index) == ["scanner", BOTH]
    answer = found.to_dict()["columns"][1]["answer"]
    assert answer.startswith(
        "Beyond what 'scanner' does alone and what 'site' does alone, the network's "
        "output moves less with their combination than 0.1"
    )


def test_combined_levels_are_another_row(analysis):
    """They hold what each column does alone, too."""
    settings = SETTINGS | {"columns": [("scanner", "site")]}
    found = WeightSpaceCorrelation("target", **settings).fit(X, TABLE)
    assert list(found.summary_.index) == [("scanner", "site"), BOTH, LAST]
    names = [column["name"] for column in found.to_dict()["columns"]]
    assert names == ["scanner & site", BOTH, LAST]
    assert found.utilization_.iloc[0] > found.utilization_.iloc[1]
    same = analysis.summary_.loc[BOTH, "utilization"]
    assert found.utilization_.iloc[1] == pytest.approx(same, rel=0.02)


def test_predictions_alone_say_the_same(analysis):
    outputs = X @ HEAD[0].T + HEAD[1]
    columns = TABLE[["scanner", "age"]]
    found = utilization_test(
        outputs,
        columns,
        interaction_with=TABLE["site"],
        target=TABLE["target"],
        n_permutations=99,
        random_state=0,
    )
    assert list(found) == [BOTH, LAST]
    for name, result in found.items():
        row = analysis.summary_.loc[name]
        assert result.low == pytest.approx(row["utilization_low"])
        assert result.utilization == pytest.approx(row["utilization"], abs=0.02)
    assert found[BOTH].pvalue == 0.01
    assert "Freedman-Lane" in found[BOTH].scheme


def test_new_rows_are_judged_by_the_pairs_of_fit(analysis):
    X, table = EVERY_X[N:], EVERY_ROW[N:]
    found = analysis.audit(X, table)
    assert list(found.index) == list(analysis.summary_.index)
    assert found.loc[BOTH, "verdict"] == "used"
    details = {c["name"]: c for c in found.attrs["description"]["columns"]}
    assert details[BOTH]["interaction_of"] == ["scanner", "site"]
    assert len(details[BOTH]["labels"]["levels"]) == 4
    alike = analysis.audit(X, table.assign(site="north"))
    assert alike.loc[BOTH, "verdict"] == "untestable"
    assert "'site': does not vary on the rows of the audit" in alike.loc[BOTH, "note"]


def test_features_of_an_interaction(analysis):
    found = analysis.utilization_by_feature(X, TABLE, BOTH)
    assert found["share"].sum() == pytest.approx(1.0)
    with pytest.raises(ValueError, match="'site x scanner' was not analysed"):
        analysis.utilization_by_feature(X, TABLE, "site x scanner")


def test_reports_tell_what_it_is(analysis):
    result = analysis.to_dict()
    entry = result["columns"][-2]
    assert entry["interaction_of"] == ["scanner", "site"]
    assert entry["kind"] == "interaction"
    assert result["columns"][0]["interaction_of"] is None
    assert "with their combination at fixed 'target', by" in entry["answer"]
    assert f"**{BOTH}: used.** Beyond what" in analysis.to_markdown()


def test_columns_that_are_not_analysed_may_be_crossed():
    settings = SETTINGS | {"columns": ["batch"], "confounders": ["age"]}
    found = WeightSpaceCorrelation("target", **settings).fit(X, TABLE)
    assert list(found.summary_.index) == ["batch", BOTH, LAST]
    # What is a confounder and a part is held fixed once.
    assert (
        "at fixed 'target' and 'age' and 'site' the" in found.summary_["note"].iloc[2]
    )


def test_what_cannot_be_told_is_left_out_with_its_reason():
    hospital = np.where(TABLE["scanner"] == "scanner A", "north", TABLE["batch"])
    table = TABLE.assign(hospital=hospital, one="x", rare=np.arange(N) < 7)
    pairs = [("scanner", "hospital"), ("one", "site"), ("rare", "scanner")]
    settings = SETTINGS | {"columns": ["scanner"], "interactions": pairs}
    found = WeightSpaceCorrelation("target", **settings).fit(X, table)
    assert list(found.verdicts_)[1:] == ["untestable"] * 3
    nested, constant, rare = found.summary_["note"].iloc[1:]
    assert "every level of 'hospital' occurs under one level of 'scanner'" in nested
    assert "'one': constant" in constant
    assert "rests on combinations in fewer than 10 units: 'False" not in rare
    assert "rests on combinations in fewer than 10 units: 'True x scanner" in rare
    assert list(found.dropped_columns_) == ["scanner x hospital", "one x site"]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("scanner", "target")], "'target' in .* is the target"),
        ([("scanner", "sit")], "no column 'sit' in the metadata"),
        ([("scanner", "scanner")], "the same column twice"),
        (("scanner", "site"), "one pair and no list of pairs"),
        ([("scanner", "patient")], "'patient' in .* is the groups"),
    ],
)
def test_bad_pairs_are_refused_at_fit(pairs, message):
    table = TABLE.assign(patient=np.arange(N) // 2)
    settings = SETTINGS | {"interactions": pairs}
    analysis = WeightSpaceCorrelation("target", groups="patient", **settings)
    assert clone(analysis).get_params()["interactions"] == pairs
    with pytest.raises(ValueError, match=f"^interactions.*{message}"):
        analysis.fit(X, table)


def test_the_same_column_is_no_interaction_with_itself():
    outputs = X @ HEAD[0].T
    with pytest.raises(ValueError, match=r"^interaction_with: 'site' is the name of"):
        utilization_test(
            outputs, TABLE["site"], interaction_with=TABLE["site"], target=None
        )
    nested = pd.Series(TABLE["site"] + " 2", name="room")
    with pytest.raises(ValueError, match="'site x room' cannot be tested: every level"):
        utilization_test(outputs, TABLE["site"], interaction_with=nested, target=None)


def test_patients_and_several_targets():
    table = TABLE.assign(
        patient=np.repeat(np.arange(N // 2), 2),
        other=np.where(np.arange(N) % 4 < 2, "yes", "no"),
        site=np.repeat(TABLE["site"].to_numpy()[: N // 2], 2),
    )
    settings = SETTINGS | {"target_head": None, "interactions": [("scanner", "site")]}
    analysis = WeightSpaceCorrelation(
        ["target", "other"], groups="patient", columns=["age"], **settings
    ).fit(X, table)
    assert list(analysis.summary_.index) == [
        (target, name) for target in ("target", "other") for name in ("age", BOTH)
    ]
    scheme = analysis.targets_["other"].description_["columns"][1]["utilization"]
    assert scheme["scheme"].startswith("residuals (Freedman-Lane) of")
