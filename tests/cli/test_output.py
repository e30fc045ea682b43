"""Files: all complete, or none."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from sklearn_wsca._cli import _audit
from sklearn_wsca._cli._output import write_files
from sklearn_wsca._cli.commands import wsca
from tests.command_runs import QUICK, audit, contents, save


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
