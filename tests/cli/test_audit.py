"""``wsca audit``: from files to answers, files and exit codes."""

import csv
import json
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._cli import _audit
from sklearn_wsca._cli._lists import repeat_options
from sklearn_wsca._cli._output import write_files
from sklearn_wsca._cli.commands import wsca
from sklearn_wsca.datasets import make_shortcut
from sklearn_wsca.io import load_metadata
from sklearn_wsca.report import to_dict

FILES = ["report.html", "result.json", "summary.csv"]
QUICK = ["--permutations", "99", "--no-sensitivity"]
SCHEMA = json.loads(
    (files("sklearn_wsca._report") / "result.schema.json").read_text("utf-8")
)


def save(folder, data, name=""):
    """Save a data set as a user would export it."""
    folder.mkdir(exist_ok=True)
    np.save(folder / f"embeddings{name}.npy", data.data)
    data.metadata.to_csv(folder / f"metadata{name}.csv", index=False)
    if not name:
        coef, intercept = data.head
        np.savez(folder / "head.npz", weight=coef, bias=intercept)
    return folder


def audit(folder, *options, code=0, out="out", head=True, quick=True):
    """Run the command on the files of a folder; returns what it printed."""
    command = ["audit", folder / "embeddings.npy", folder / "metadata.csv"]
    command += ["--target", "target", "--out", folder / out]
    command += ["--head", folder / "head.npz"] if head else []
    command += QUICK if quick else []
    result = CliRunner().invoke(
        wsca, [str(part) for part in [*command, *options]], env={"COLUMNS": "100"}
    )
    assert result.exit_code == code, result.output
    return result


def result_of(folder, out="out"):
    return json.loads((folder / out / "result.json").read_text("utf-8"))


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def used():
    return make_shortcut(300, 16, use=1.0, random_state=0)


@pytest.fixture(scope="module")
def folder(used, tmp_path_factory):
    return save(tmp_path_factory.mktemp("used"), used)


@pytest.fixture(scope="module")
def printed(folder):
    return audit(folder, "--permutations", "99", quick=False)


class TestFiles:
    def test_three_and_nothing_else(self, folder, printed):
        assert sorted(path.name for path in (folder / "out").iterdir()) == FILES

    def test_result_is_that_of_the_estimator(self, folder, used, printed):
        analysis = WeightSpaceCorrelation(
            "target", target_head=used.head, n_permutations=99, random_state=0
        ).fit(used.data, load_metadata(folder / "metadata.csv"))
        found, expected = result_of(folder), to_dict(analysis)
        for key in ("columns", "analysis", "verdict_counts", "question", "notes"):
            assert found[key] == expected[key]
        assert found["component_sensitivity"][0]["scores"].keys() == set(
            used.metadata
        ) - {"target"}

    def test_result_is_valid_and_has_no_nan(self, folder, printed):
        text = (folder / "out" / "result.json").read_text("utf-8")

        def refuse(token):
            raise AssertionError(token)

        result = json.loads(text, parse_constant=refuse)
        jsonschema.Draft202012Validator(SCHEMA).validate(result)

    def test_inputs_are_named_with_hashes(self, folder, printed):
        inputs = result_of(folder)["inputs"]
        assert sorted(inputs) == ["embeddings", "head", "metadata"]
        assert inputs["head"].startswith("head.npz (sha256 ")
        assert len(set(inputs.values())) == 3

    def test_summary_holds_the_numbers(self, folder, printed):
        table = pd.read_csv(folder / "out" / "summary.csv", index_col="column")
        for column in result_of(folder)["columns"]:
            row = table.loc[column["name"]]
            assert row["utilization"] == pytest.approx(
                column["utilization"]["estimate"]
            )
            assert row["verdict"] == column["verdict"]

    def test_report_holds_every_answer(self, folder, printed):
        page = (folder / "out" / "report.html").read_text("utf-8")
        for column in result_of(folder)["columns"]:
            assert column["name"] in page and column["verdict"] in page

    def test_two_runs_write_the_same(self, folder, printed):
        audit(folder, "--permutations", "99", quick=False, out="again")
        assert contents(folder / "again") == contents(folder / "out")

    def test_another_seed_writes_something_else(self, folder, printed):
        audit(folder, "--seed", "1", out="seed")
        assert result_of(folder, "seed")["columns"] != result_of(folder)["columns"]

    def test_workers_do_not_change_a_byte(self, folder):
        audit(folder, out="one")
        audit(folder, "--jobs", "2", out="two")
        one, two = (result_of(folder, out)["columns"] for out in ("one", "two"))
        assert [c["verdict"] for c in one] == [c["verdict"] for c in two]
        assert [c["alignment"]["pvalue"] for c in one] == [
            c["alignment"]["pvalue"] for c in two
        ]


class TestTerminal:
    def test_every_column_has_its_verdict_and_answer(self, folder, printed):
        text = " ".join(printed.stdout.split())
        for column in result_of(folder)["columns"]:
            assert f"{column['name']}: {column['verdict']}" in text
            assert column["answer"] in text

    def test_files_are_named_so_that_they_can_be_copied(self, folder, printed):
        for name in FILES:
            assert f"{folder / 'out' / name}\n" in printed.stdout

    def test_a_pipe_gets_plain_text(self, printed):
        assert "\x1b" not in printed.stdout and printed.stderr == ""

    def test_a_fitted_head_is_said(self, folder):
        printed = audit(folder, head=False, out="fitted")
        assert "No trained head was given" in " ".join(printed.stdout.split())

    def test_names_are_printed_literally(self, used, tmp_path):
        name = "[bold]x[/bold]\x1b[31m"
        metadata = used.metadata.rename(columns={"scanner": name})
        save(tmp_path, type(used)(**(used | {"metadata": metadata})))
        printed = audit(tmp_path)
        assert "\x1b" not in printed.stdout
        assert r"[bold]x[/bold]\x1b[31m: used" in " ".join(printed.stdout.split())

    def test_many_columns_answer_for_those_in_use_only(self, used, tmp_path):
        generator = np.random.default_rng(0)
        noise = {f"noise {i}": generator.choice(list("ab"), 300) for i in range(25)}
        metadata = used.metadata[["target", "scanner"]].assign(**noise)
        save(tmp_path, type(used)(**(used | {"metadata": metadata})))
        printed = " ".join(audit(tmp_path, "--permutations", "999").stdout.split())
        assert "scanner: used. The network's output" in printed
        assert "noise 3: " not in printed and "noise 3" in printed


class TestExitCode:
    def test_used(self, folder):
        printed = audit(folder, "--fail-on", "used", code=3, out="fail")
        # The report is there all the same.
        assert sorted(path.name for path in (folder / "fail").iterdir()) == FILES
        assert "used" in printed.stdout

    def test_not_used(self, tmp_path):
        save(tmp_path, make_shortcut(1000, 16, use=0.0, random_state=0))
        audit(tmp_path, "--columns", "scanner", "--fail-on", "used")
        assert result_of(tmp_path)["verdict_counts"] == {"not used": 1}
        audit(tmp_path, "--columns", "scanner", "--fail-on", "used", "not used", code=3)

    def test_unknown_verdict(self, folder):
        assert "--fail-on" in audit(folder, "--fail-on", "guilty", code=2).stderr


@pytest.fixture(scope="module")
def both(used, folder):
    other = make_shortcut(200, 16, use=1.0, random_state=1)
    save(folder, other, "_new")
    return folder, other


class TestHeldOut:
    def test_files(self, both, used):
        folder, other = both
        new = [folder / "embeddings_new.npy", folder / "metadata_new.csv"]
        audit(folder, "--held-out", *new, out="held")
        result = result_of(folder, "held")
        analysis = WeightSpaceCorrelation(
            "target", target_head=used.head, n_permutations=99, random_state=0
        ).fit(used.data, load_metadata(folder / "metadata.csv"))
        table = analysis.audit(other.data, load_metadata(new[1]))
        assert result["columns"] == to_dict(analysis, audit=table)["columns"]
        assert result["analysis"]["judged_rows"] == "held out"
        assert result["analysis"]["n_samples"] == 200
        assert result["inputs"]["held-out metadata"].startswith("metadata_new.csv")
        summary = pd.read_csv(folder / "held" / "summary.csv", index_col="column")
        assert summary["n_samples"].max() == 200

    def test_rows_of_one_file_give_the_same(self, both, used, tmp_path):
        folder, other = both
        new = [folder / "embeddings_new.npy", folder / "metadata_new.csv"]
        audit(folder, "--held-out", *new, out="held")
        together = type(used)(
            data=np.vstack([used.data, other.data]),
            metadata=pd.concat(
                [used.metadata.assign(split=1), other.metadata.assign(split=2)]
            ),
            head=used.head,
        )
        save(tmp_path, together)
        audit(tmp_path, "--held-out-rows", "split=2")
        expected, found = result_of(folder, "held"), result_of(tmp_path)
        assert found["analysis"]["n_samples_fit"] == 300
        assert [c["name"] for c in found["columns"]] == ["scanner", "age", "batch"]
        for one, two in zip(expected["columns"], found["columns"], strict=True):
            assert one["utilization"] == pytest.approx(two["utilization"])
            assert one["verdict"] == two["verdict"]

    @pytest.mark.parametrize(
        ("condition", "message"),
        [
            ("split", "is no COLUMN=VALUE"),
            ("spilt=2", "is no COLUMN=VALUE with a column of"),
            ("scanner=Z", "'Z' is the value of 0 of 300 rows"),
        ],
    )
    def test_bad_conditions(self, folder, condition, message):
        assert message in audit(folder, "--held-out-rows", condition, code=2).stderr

    def test_not_both(self, folder):
        options = ["--held-out", "a", "b", "--held-out-rows", "c=d"]
        assert "exclude each other" in audit(folder, *options, code=2).stderr


class TestOptions:
    def test_all_reach_the_estimator(self, used, tmp_path):
        metadata = used.metadata.assign(patient=np.arange(300) // 2)
        save(tmp_path, type(used)(**(used | {"metadata": metadata})))
        audit(
            tmp_path,
            *("--columns", "scanner", "age", "--confounders", "age"),
            *("--groups", "patient", "--bins", "3", "--adjust-for-target"),
            *("--min-effect", "0.2", "--significance", "0.1", "--seed", "4"),
            *("--combine", "scanner", "target", "--jobs", "2"),
        )
        settings = result_of(tmp_path)["settings"]
        expected = {
            "target": "target",
            "columns": ["scanner", "age", ["scanner", "target"]],
            "confounders": ["age"],
            "groups": "patient",
            "n_bins": 3,
            "adjust_for_target": True,
            "min_effect": 0.2,
            "significance": 0.1,
            "random_state": 4,
            "n_permutations": 99,
            "n_jobs": 2,
        }
        assert {key: settings[key] for key in expected} == expected

    def test_combined_columns_come_on_top_of_all(self, folder, used):
        audit(folder, "--combine", "scanner", "target", out="combined")
        names = [c["name"] for c in result_of(folder, "combined")["columns"]]
        assert names == ["scanner", "age", "batch", "scanner & target"]

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
        audit(tmp_path, "--classes", *map(str, reversed(levels)))
        wrong = result_of(tmp_path)["columns"][0]["erasure"]
        assert wrong != pytest.approx(straight["columns"][0]["erasure"])

    @pytest.mark.parametrize(
        ("options", "head", "message"),
        [
            (["--classes", "a", "b"], False, "give --head too"),
            (["--classes", "a", "b", "c"], True, "3 names, but the head has 1 rows"),
            (
                ["--classes", "a", "b", "--target", "tarte"],
                True,
                "metadata.csv: target: there is no column 'tarte' in the metadata",
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
        command += ["--id", "image", "--out", tmp_path / "ids"]
        result = CliRunner().invoke(wsca, list(map(str, command)))
        assert result.exit_code == 0, result.output
        matched, in_order = result_of(tmp_path, "ids"), result_of(tmp_path)
        pairs = zip(matched["columns"], in_order["columns"], strict=True)
        for one, two in pairs:
            assert one["utilization"] == pytest.approx(two["utilization"])
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
        refused = CliRunner().invoke(wsca, list(map(str, command)))
        assert refused.exit_code == 2 and not (tmp_path / "out").exists()
        command += ["--unmatched", "drop"]
        result = CliRunner().invoke(wsca, list(map(str, command)))
        assert result.exit_code == 0, result.output
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

    @pytest.mark.parametrize(
        ("given", "expanded"),
        [
            (["x", "-c", "a", "b"], ["x", "-c", "a", "-c", "b"]),
            (["-c", "a", "-d", "b", "e"], ["-c", "a", "-d", "b", "e"]),
            (["-c", "a", "--", "b"], ["-c", "a", "--", "b"]),
            (["-c", "a", "-c", "b", "d"], ["-c", "a", "-c", "b", "-c", "d"]),
            ([], []),
        ],
    )
    def test_several_values_in_a_row(self, given, expanded):
        assert repeat_options(given, {"-c"}) == expanded


class TestWriting:
    def test_a_failure_leaves_the_old_files(self, folder, monkeypatch, tmp_path):
        target = tmp_path / "out"
        write_files(target, {"report.html": "old", "summary.csv": "old"})

        def fail(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(Path, "replace", fail)
        with pytest.raises(KeyboardInterrupt):
            write_files(target, {"report.html": "new", "summary.csv": "new"})
        assert contents(target) == {"report.html": b"old", "summary.csv": b"old"}

    def test_a_failing_report_writes_nothing(self, folder, monkeypatch):
        def fail(*_):
            raise ZeroDivisionError

        monkeypatch.setattr(_audit, "render_html", fail)
        result = CliRunner().invoke(
            wsca,
            ["audit", str(folder / "embeddings.npy"), str(folder / "metadata.csv")]
            + ["--target", "target", "--out", str(folder / "none"), *QUICK],
        )
        assert isinstance(result.exception, ZeroDivisionError)
        assert not (folder / "none").exists()

    def test_out_is_a_file(self, folder):
        (folder / "taken").write_text("mine")
        printed = audit(folder, out="taken", code=2)
        assert "is a file; name a directory" in printed.stderr
        assert (folder / "taken").read_text() == "mine"

    def test_out_below_a_file(self, folder):
        (folder / "taken").write_text("mine")
        assert "cannot be written to" in audit(folder, out="taken/x", code=2).stderr

    def test_csv_keeps_names_with_line_breaks(self, used, tmp_path):
        metadata = used.metadata.rename(columns={"scanner": "a\nb, c"})
        save(tmp_path, type(used)(**(used | {"metadata": metadata})))
        audit(tmp_path)
        with (tmp_path / "out" / "summary.csv").open(newline="", encoding="utf-8") as f:
            names = [row[0] for row in csv.reader(f)]
        assert names == ["column", "a\nb, c", "age", "batch"]


class TestRefusals:
    def test_one_line_names_file_and_fix(self, folder):
        command = ["audit", folder / "embeddings.npy", folder / "metadata.csv"]
        command += ["--target", "tarte", "--out", folder / "none"]
        result = CliRunner().invoke(wsca, list(map(str, command)))
        assert result.exit_code == 2 and result.stdout == ""
        assert result.stderr.count("\n") == 1
        assert result.stderr.startswith(f"wsca: {folder / 'metadata.csv'}: ")
        assert "did you mean 'target'?" in result.stderr
        assert not (folder / "none").exists()

    def test_warnings_are_said_and_kept(self, used, tmp_path):
        metadata = used.metadata.assign(
            **{f"c{i}": used.metadata["scanner"] for i in range(8)}
        )
        save(tmp_path, type(used)(**(used | {"metadata": metadata})))
        printed = audit(tmp_path)
        (line,) = printed.stderr.splitlines()
        assert line.startswith("wsca: note: n_permutations=99: no p-value can be below")
        assert line.removeprefix("wsca: note: ") in result_of(tmp_path)["notes"]

    def test_a_missing_extra_is_named(self, folder, monkeypatch):
        (folder / "x.safetensors").write_bytes(b"anything")
        monkeypatch.setitem(sys.modules, "safetensors", None)
        command = ["audit", folder / "x.safetensors", folder / "metadata.csv"]
        result = CliRunner().invoke(wsca, [*map(str, command), "--target", "target"])
        assert result.exit_code == 2
        assert 'pip install "sklearn_wsca[io]"' in result.stderr
        assert result.stderr.startswith(f"wsca: {folder / 'x.safetensors'}: ")
