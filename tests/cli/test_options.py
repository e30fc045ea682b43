"""Options: they reach the estimator, and those that do not fit are refused."""

import click
import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._cli._options import Components, Size, Workers
from tests.command_runs import QUICK, assert_same_numbers, audit, result_of, run, save

pytestmark = pytest.mark.usefixtures("no_figures")


class TestOptions:
    def test_all_reach_the_estimator(self, used, tmp_path):
        metadata = used.metadata.assign(patient=np.arange(300) // 2)
        save(tmp_path, type(used)(**(used | {"metadata": metadata})))
        audit(
            tmp_path,
            *("--columns", "scanner", "age", "--confounders", "age"),
            *("--groups", "patient", "--bins", "3", "--binning", "uniform"),
            "--adjust-for-target",
            *("--C", "0.5", "--alpha", "3", "--n-components", "4"),
            *("--adjustment", "linear"),
            *("--min-effect", "0.2", "--significance", "0.1", "--seed", "4"),
            *("--combine", "scanner", "target", "--jobs", "2"),
            *("--interaction", "scanner", "batch", "--interaction", "age", "batch"),
        )
        settings = result_of(tmp_path)["settings"]
        expected = {
            "target": "target",
            "columns": ["scanner", "age", ["scanner", "target"]],
            "interactions": [["scanner", "batch"], ["age", "batch"]],
            "confounders": ["age"],
            "groups": "patient",
            "adjustment": "linear",
            "n_bins": 3,
            "binning": "uniform",
            "C": 0.5,
            "alpha": 3.0,
            "n_components": 4,
            "adjust_for_target": True,
            "min_effect": 0.2,
            "significance": 0.1,
            "random_state": 4,
            "n_permutations": 99,
            "n_jobs": 2,
        }
        assert {key: settings[key] for key in expected} == expected

    @pytest.mark.parametrize(
        ("text", "value"),
        [("0.9", 0.9), ("1", 1), ("1.0", 1.0), ("all", None), ("7", 7)],
    )
    def test_shares_and_numbers_of_components_are_told_apart(self, text, value):
        found = Components().convert(text, None, None)
        assert found == value and type(found) is type(value)

    def test_sizes_have_units(self):
        assert Size().convert("1.5GB", None, None) == 1_500_000_000
        with pytest.raises(click.BadParameter, match="'8' is no size with a unit, su"):
            Size().convert("8", None, None)

    @pytest.mark.parametrize("option", ["--C", "--significance", "--min-effect"])
    @pytest.mark.parametrize("text", ["nan", "inf"])
    def test_numbers_are_finite(self, option, text):
        found = run("audit", "X.npy", "T.csv", "--target", "t", option, text, code=2)
        assert f"Invalid value for '{option}': " in found.stderr

    def test_classes_of_equal_width_need_their_number(self, folder):
        found = audit(folder, "--binning", "uniform", code=2)
        assert "--binning uniform: into how many classes?" in found.stderr

    def test_no_workers_are_refused(self):
        assert Workers().convert("-2", None, None) == -2
        with pytest.raises(click.BadParameter, match="0 workers do nothing"):
            Workers().convert("0", None, None)

    @pytest.mark.parametrize("text", ["0", "0.0", "1.5", "-3", "most", ""])
    def test_other_components_are_refused(self, text):
        with pytest.raises(click.BadParameter, match="neither a share such as"):
            Components().convert(text, None, None)

    def test_combined_columns_come_on_top_of_all(self, folder, used):
        audit(folder, "--combine", "scanner", "target", out="combined")
        names = [c["name"] for c in result_of(folder, "combined")["columns"]]
        assert names == ["scanner", "age", "batch", "scanner & target"]

    def test_interactions_are_rows_that_combined_columns_are_not(self, folder, used):
        options = ("--combine", "scanner", "batch", "--interaction", "scanner", "batch")
        audit(folder, *options, out="crossed")
        columns = result_of(folder, "crossed")["columns"]
        assert [c["name"] for c in columns[-2:]] == [
            "scanner & batch",
            "scanner x batch",
        ]
        assert [c["kind"] for c in columns[-2:]] == ["categorical", "interaction"]
        page = (folder / "crossed" / "report.html").read_text("utf-8")
        assert "what they do together beyond what each does alone" in page
        assert "columns and interactions" in page

    @pytest.mark.parametrize(
        ("pair", "message"),
        [
            (("scanner", "scanner"), "the same column twice"),
            (("scanner", "target"), "'target' in ('scanner', 'target') is the target"),
            (("scanner", "bach"), "no column 'bach'"),
        ],
    )
    def test_pairs_that_are_no_interaction(self, folder, pair, message):
        found = audit(folder, "--interaction", *pair, code=2)
        assert "--interaction: " in found.stderr
        assert message in found.stderr

    def test_classes_name_the_rows_of_the_head(self, used, tmp_path):
        # A head for the other class first: performance is read the right way round.
        coef, intercept = used.head
        levels = sorted(used.metadata["target"].unique())
        save(tmp_path, type(used)(**(used | {"head": (-coef, -intercept)})))
        audit(tmp_path, "--classes", *map(str, reversed(levels)))
        swapped = result_of(tmp_path)
        save(tmp_path, used)
        audit(tmp_path, "--classes", *map(str, levels))
        straight = result_of(tmp_path)
        for one, two in zip(swapped["columns"], straight["columns"], strict=True):
            assert one["erasure"] == pytest.approx(two["erasure"], nan_ok=True)
        wrong = ("--classes", *map(str, reversed(levels)))
        audit(tmp_path, *wrong, code=2)
        audit(tmp_path, *wrong, "--no-check-head")
        found = result_of(tmp_path)["columns"][0]["erasure"]
        assert found != pytest.approx(straight["columns"][0]["erasure"])

    @pytest.mark.parametrize(
        ("options", "head", "message"),
        [
            (["--classes", "a", "b"], False, "give --head too"),
            (["--classes", "a", "b", "c"], True, "3 names, but the head has 1 rows"),
            (
                ["--classes", "a", "b", "--target", "tarte"],
                True,
                "metadata.csv: --target: there is no column 'tarte' in the metadata",
            ),
        ],
    )
    def test_classes_that_do_not_fit(self, folder, options, head, message):
        assert message in audit(folder, *options, head=head, code=2).stderr

    def test_ids_match_rows_in_any_order(self, used, tmp_path):
        names = [f"image {i}" for i in range(300)]
        X = pd.DataFrame(used.data, columns=[f"f{i}" for i in range(16)])
        metadata = used.metadata.assign(image=names)
        X.assign(image=names).to_parquet(tmp_path / "X.parquet")
        metadata.sample(frac=1, random_state=0).to_csv(tmp_path / "y.csv", index=False)
        save(tmp_path, used)
        audit(tmp_path)
        command = ["audit", tmp_path / "X.parquet", tmp_path / "y.csv", *QUICK]
        command += ["--target", "target", "--head", tmp_path / "head.npz"]
        run(*command, "--id", "image", "--out", tmp_path / "ids")
        matched, in_order = result_of(tmp_path, "ids"), result_of(tmp_path)
        pairs = zip(matched["columns"], in_order["columns"], strict=True)
        for one, two in pairs:
            assert_same_numbers(one["utilization"], two["utilization"])
            assert one["counts_by_target"] == two["counts_by_target"]

    def test_rows_without_a_partner_are_dropped_on_request(self, used, tmp_path):
        names = [f"image {i}" for i in range(300)]
        X = pd.DataFrame(used.data, columns=[f"f{i}" for i in range(16)])
        X.assign(image=names)[20:].to_csv(tmp_path / "X.csv", index=False)
        metadata = used.metadata.assign(image=names)[:290]
        metadata.to_csv(tmp_path / "y.csv", index=False)
        save(tmp_path, used)
        command = ["audit", tmp_path / "X.csv", tmp_path / "y.csv", *QUICK]
        command += ["--target", "target", "--head", tmp_path / "head.npz"]
        command += ["--id", "image", "--out", tmp_path / "out"]
        run(*command, code=2)
        assert not (tmp_path / "out").exists()
        result = run(*command, "--unmatched", "drop")
        notes = [
            line.removeprefix("wsca: note: ") for line in result.stderr.splitlines()
        ]
        assert notes == [
            f"10 of 280 rows were left out of {tmp_path / 'X.csv'}: no such id in "
            f"{tmp_path / 'y.csv'} ('image 290', 'image 291', 'image 292' and 7 more)",
            f"20 of 290 rows were left out of {tmp_path / 'y.csv'}: no such id in "
            f"{tmp_path / 'X.csv'} ('image 0', 'image 1', 'image 2' and 17 more)",
        ]
        assert result_of(tmp_path)["notes"][-len(notes) :] == notes
        assert result_of(tmp_path)["analysis"]["n_samples"] == 270
