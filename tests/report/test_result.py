"""The result dict: complete, plain, valid under its schema, the same in all formats."""

import jsonschema
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._analysis.summary import SUMMARY_COLUMNS
from sklearn_wsca._plain_values import as_plain
from sklearn_wsca._report.result import make_result
from sklearn_wsca._verdicts.registry import VERDICTS
from sklearn_wsca.report import to_dict, to_json, to_markdown
from tests.report_studies import add_constant, analyse
from tests.schemas import check_schema, read_schema

SCHEMA = read_schema()


class TestSchema:
    def test_verdicts_are_those_of_the_registry(self):
        assert SCHEMA["$defs"]["verdict"]["enum"] == list(VERDICTS)

    @pytest.mark.parametrize(
        "parameters",
        [
            {},
            {"target_head": None},
            {"n_permutations": 0},
            {"n_bins": 3, "adjust_for_target": True},
            {"null": "sign_flip", "metric": "score", "aggregate": "max"},
            {"stop_after": 10, "columns": ["scanner", ("scanner", "target")]},
            {"random_state": np.random.RandomState(0), "n_components": None},
        ],
        ids=lambda parameters: " ".join(parameters) or "default",
    )
    def test_holds_for_every_setting(self, data, parameters):
        result = to_dict(analyse(data, **parameters))
        check_schema(result)
        assert len(result["columns"]) > 1

    def test_holds_without_a_target(self, data):
        names = [name for name in data.metadata if name != "target"]
        analysis = WeightSpaceCorrelation(n_permutations=0)
        analysis.fit(data.data, data.metadata[names])
        result = to_dict(analysis)
        check_schema(result)
        assert result["analysis"]["target"] is None
        assert {c["verdict"] for c in result["columns"]} == {"untestable"}

    def test_holds_for_groups_and_confounders(self, data):
        metadata = data.metadata.assign(patient=np.arange(300) // 3)
        analysis = WeightSpaceCorrelation(
            "target", groups="patient", confounders=["age"], n_permutations=99
        )
        result = to_dict(analysis.fit(data.data, metadata))
        check_schema(result)
        assert result["analysis"]["groups"] == "patient"
        assert result["analysis"]["n_groups"] == 100
        assert result["analysis"]["held_fixed"] == ["target", "age"]
        assert "100 groups ('patient')" in result["description"][0]

    def test_holds_for_an_audit_and_its_table(self, fitted, other_rows):
        table = fitted.audit(other_rows.data, add_constant(other_rows.metadata))
        for result in (to_dict(fitted, audit=table), to_dict(table)):
            check_schema(result)
            assert result["analysis"]["judged_rows"] == "held out"
            assert result["analysis"]["n_samples"] == 200

    @pytest.mark.parametrize(
        ("key", "value"),
        [("verdict", "maybe"), ("surplus", 1), ("n_samples", -1), ("note", None)],
    )
    def test_refuses_what_is_wrong(self, fitted, key, value):
        result = to_dict(fitted)
        result["columns"][0][key] = value
        with pytest.raises(jsonschema.ValidationError):
            check_schema(result)


class TestContent:
    def test_numbers_are_those_of_the_summary(self, fitted):
        result = to_dict(fitted)
        assert [c["name"] for c in result["columns"]] == list(fitted.summary_.index)
        groups = ("encoding", "alignment", "utilization")
        for column in result["columns"]:
            row = as_plain(fitted.summary_.loc[column["name"]].to_dict())
            for name in SUMMARY_COLUMNS:
                part, _, key = name.partition("_")
                if name == "utilization":
                    found = column["utilization"]["estimate"]
                elif part in groups:
                    found = column[part][key]
                elif name in column:
                    found = column[name]
                elif name == "consequence":
                    found = column["performance"]["sentence"]
                elif part == "performance":
                    gap = column["performance"]["gap"]
                    found = gap and gap["size" if key == "gap" else key]
                else:
                    found = column["utilization"][name]
                assert found == row[name], name

    def test_numbers_of_an_audit_are_those_of_its_table(self, fitted, other_rows):
        table = fitted.audit(other_rows.data, add_constant(other_rows.metadata))
        result = to_dict(fitted, audit=table)
        for column in result["columns"]:
            row = as_plain(table.loc[column["name"]].to_dict())
            assert column["utilization"]["estimate"] == row["utilization"]
            assert column["encoding"]["score"] == row["encoding_score"]
            assert column["verdict"] == row["verdict"]
        scanner = result["columns"][0]
        assert sum(level["n_samples"] for level in scanner["labels"]["levels"]) == 200
        # What cross-validation gives belongs to the rows of fit.
        assert set(scanner["encoding"]) == {
            *("score", "pvalue", "qvalue", "skill", "power")
        }
        own = set(to_dict(fitted)["columns"][0]["encoding"])
        assert own == set(scanner["encoding"]) | {"selectivity", "metrics"}

    def test_levels_and_counts_are_those_of_the_table(self, data, fitted):
        column = to_dict(fitted)["columns"][0]
        counts = data.metadata["scanner"].value_counts()
        found = {e["level"]: e["n_samples"] for e in column["labels"]["levels"]}
        assert found == counts.to_dict() and len(found) > 1
        expected = pd.crosstab(data.metadata["scanner"], data.metadata["target"])
        assert column["counts_by_target"] == expected.to_numpy().tolist()

    def test_distribution_of_a_number(self, data, fitted):
        column = next(c for c in to_dict(fitted)["columns"] if c["name"] == "age")
        observed = data.metadata["age"].dropna()
        assert column["n_samples"] == len(observed) == 279
        assert column["labels"]["mean"] == pytest.approx(observed.mean())
        assert column["labels"]["standard_deviation"] == pytest.approx(
            observed.std(ddof=0)
        )
        assert column["labels"]["lower_quartile"] == observed.quantile(0.25)
        assert column["counts_by_target"] is None

    def test_left_out_columns_have_a_reason(self, fitted):
        column = next(c for c in to_dict(fitted)["columns"] if c["name"] == "constant")
        assert column["verdict"] == "untestable" and column["labels"] is None
        assert "left out" in column["answer"]
        assert column["utilization"]["estimate"] is None

    def test_null_of_the_alignment(self, fitted):
        column = to_dict(fitted)["columns"][0]
        null = fitted.null_distribution_[column["name"]]
        assert column["alignment"]["null"]["mean"] == pytest.approx(null.mean())
        assert column["alignment"]["null"]["quantile_0.95"] == pytest.approx(
            null.quantile(0.95)
        )

    def test_settings_name_every_parameter_and_no_weights(self, fitted):
        settings = to_dict(fitted)["settings"]
        assert set(settings) == set(fitted.get_params(deep=False))
        assert all("of shape" in part for part in settings["target_head"])
        assert settings["min_effect"] == 0.1

    def test_heads_in_settings_are_named(self, data):
        heads = {"scanner": LogisticRegression(C=0.5)}
        settings = to_dict(analyse(data, heads=heads, n_permutations=0))["settings"]
        assert settings["heads"] == {"scanner": "LogisticRegression"}

    def test_inputs_and_notes_are_taken_over(self, fitted):
        result = make_result(fitted, inputs={"head": "h.npz"}, notes=["mind the gap"])
        check_schema(result)
        assert result["inputs"] == {"head": "h.npz"}
        assert result["notes"] == [*fitted.notes_, "mind the gap"]

    def test_sensitivity_is_taken_over(self, data, fitted):
        # A column may be called like a level of the index.
        metadata = data.metadata.rename(columns={"scanner": "k"})
        table = fitted.component_sensitivity(data.data, metadata, [5, 10])
        result = make_result(fitted, sensitivity=table)
        check_schema(result)
        found = result["component_sensitivity"]
        assert [entry["k"] for entry in found][:2] == [5, 10]
        assert found[0]["scores"]["k"] == pytest.approx(table["k"].iloc[0])
        assert [entry["projected"] for entry in found][-1] is False

    def test_a_dict_is_returned_as_it_is(self, fitted):
        result = to_dict(fitted)
        assert to_dict(result) is result
        assert to_markdown(result) == to_markdown(fitted)

    def test_same_answer_twice(self, data, fitted):
        assert to_json(analyse(data)) == to_json(fitted)


def test_what_is_no_result_is_refused(fitted):
    foreign = pd.DataFrame({"a": [1]})
    with pytest.raises(ValueError, match=r"no table of summary_ or audit.*'kind'"):
        to_dict(foreign)
    with pytest.raises(ValueError, match=r"audit: this is no table"):
        to_dict(fitted, audit=foreign)
    with pytest.raises(NotFittedError):
        to_dict(WeightSpaceCorrelation())
    with pytest.raises(TypeError, match=r"fitted WeightSpaceCorrelation.*not from"):
        to_dict([1, 2])
