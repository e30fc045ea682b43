"""``wsca audit``: from files to answers, files and exit codes."""

import json
import sys

import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut
from sklearn_wsca.io import load_metadata
from sklearn_wsca.report import to_dict
from tests.command_runs import FILES, audit, contents, result_of, run, save
from tests.schemas import check_schema


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
        check_schema(result)

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
        # Use, null, matrix and pairs, and what hangs on the number of components.
        assert page.count("<svg") >= 5

    def test_two_runs_write_the_same(self, folder, printed):
        audit(folder, "--permutations", "99", quick=False, out="again")
        assert contents(folder / "again") == contents(folder / "out")

    def test_another_seed_writes_something_else(self, folder, printed):
        audit(folder, "--seed", "1", out="seed")
        assert result_of(folder, "seed")["columns"] != result_of(folder)["columns"]

    def test_all_cores_work_by_default(self, folder, printed):
        assert result_of(folder)["settings"]["n_jobs"] == -1

    def test_workers_do_not_change_a_byte(self, folder):
        audit(folder, "--jobs", "1", out="one")
        audit(folder, "--jobs", "2", out="two")
        one, two = (result_of(folder, out)["columns"] for out in ("one", "two"))
        assert [c["verdict"] for c in one] == [c["verdict"] for c in two]
        assert [c["alignment"]["pvalue"] for c in one] == [
            c["alignment"]["pvalue"] for c in two
        ]


@pytest.mark.usefixtures("no_figures")
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


@pytest.mark.usefixtures("no_figures")
class TestRefusals:
    def test_one_line_names_file_and_fix(self, folder):
        command = ["audit", folder / "embeddings.npy", folder / "metadata.csv"]
        result = run(*command, "--target", "tarte", "--out", folder / "none", code=2)
        assert result.stdout == ""
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
        assert line.startswith("wsca: note: --permutations 99: no p-value can be below")
        assert line.removeprefix("wsca: note: ") in result_of(tmp_path)["notes"]

    def test_a_missing_extra_is_named(self, folder, monkeypatch):
        (folder / "x.safetensors").write_bytes(b"anything")
        monkeypatch.setitem(sys.modules, "safetensors", None)
        command = ["audit", folder / "x.safetensors", folder / "metadata.csv"]
        result = run(*command, "--target", "target", code=2)
        assert 'pip install ".[io]"' in result.stderr
        assert result.stderr.startswith(f"wsca: {folder / 'x.safetensors'}: ")
