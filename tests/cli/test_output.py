"""Files: all complete, or none."""

import csv
import json
import os

import pytest
from click.testing import CliRunner

from sklearn_wsca._cli import _audit, _output, _switch
from sklearn_wsca._cli._errors import InputError
from sklearn_wsca._cli._output import (
    AUDIT_FILES,
    FEATURE_FILES,
    check_directory,
    write_files,
)
from sklearn_wsca._cli.commands import wsca
from tests.command_runs import QUICK, audit, contents, save

# What tells a folder of ours.
SIGNED = '{\n  "schema_version": 2}'


def tree(folder):
    """Contents of all files below a folder, by their paths."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


class TestFolder:
    """What --out may name."""

    @pytest.fixture(params=[check_directory, lambda out: write_files(out, {})])
    def use(self, request):
        """Before the analysis, and after it."""
        return request.param

    def refused(self, use, out, found):
        before = tree(out) if out.is_dir() else None
        with pytest.raises(InputError, match=found) as caught:
            use(out)
        assert str(caught.value).startswith(f"--out: {out} ")
        assert "another directory" in str(caught.value) or "name a dir" in found
        assert (tree(out) if out.is_dir() else None) == before

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("notes.txt", r"it holds notes\.txt, which is not ours"),
            ("features.csv", r"it holds features\.csv of another command"),
            ("T/report.html/x", "report.html in it is a directory"),
            ("T/figure.pdf", r"it holds T/figure\.pdf, which is not ours"),
        ],
    )
    def test_what_is_not_ours_is_not_replaced(self, use, name, found, tmp_path):
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True)
        path.write_text("mine")
        (tmp_path / "out" / "summary.csv").write_text("ours")
        self.refused(use, tmp_path / "out", found)
        # Nor is a folder of a single command for another one.
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "summary.csv").write_text("ours")
        with pytest.raises(InputError, match=r"summary\.csv of another command"):
            check_directory(tmp_path / "other", FEATURE_FILES)

    @pytest.mark.parametrize(
        ("files", "name", "text"),
        [
            (AUDIT_FILES, "report.html", "mine"),
            (AUDIT_FILES, "T/result.json", "{}"),
            (FEATURE_FILES, "features.csv", "feature,mine"),
            (FEATURE_FILES, "maps.png", '"feature","rank","kept","importance"'),
        ],
    )
    def test_files_of_somebody_with_our_names(self, files, name, text, tmp_path):
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        with pytest.raises(InputError, match=f"holds {name} without .* may be yours"):
            check_directory(tmp_path / "out", files)

    def test_folders_that_may_be_of_somebody(self, use, tmp_path):
        (tmp_path / "out" / "empty").mkdir(parents=True)
        self.refused(use, tmp_path / "out", "it holds empty, which is not ours")
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "out" / "empty").rmdir()
        (tmp_path / "out" / "link").symlink_to(tmp_path / "elsewhere")
        self.refused(use, tmp_path / "out", "it holds link, which is not ours")

    def test_the_current_folder(self, use, tmp_path, monkeypatch):
        (tmp_path / "T").mkdir()
        (tmp_path / "T" / "result.json").write_text(SIGNED)
        monkeypatch.chdir(tmp_path / "T")
        self.refused(use, tmp_path, "it is the current folder")

    def test_links(self, use, tmp_path):
        """A link to a folder is followed, and stays; others are no folders."""
        (tmp_path / "file").write_text("mine")
        (tmp_path / "to file").symlink_to(tmp_path / "file")
        self.refused(use, tmp_path / "to file", "is a file; name a dir")
        (tmp_path / "circle").symlink_to(tmp_path / "circle")
        self.refused(use, tmp_path / "circle" / "out", "cannot be written")
        (tmp_path / "link").symlink_to(tmp_path / "place")
        write_files(tmp_path / "link", {"result.json": SIGNED})
        new = {"report.html": "2", "result.json": SIGNED}
        assert write_files(tmp_path / "link", new)[0].is_file()
        assert (tmp_path / "link").is_symlink()
        assert [*tree(tmp_path / "place")] == [*new]

    @pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
    def test_permissions(self, use, tmp_path, monkeypatch):
        (tmp_path / "out").mkdir()
        monkeypatch.setattr(_output.os, "access", lambda path, mode: path != out)
        out = tmp_path / "out"
        self.refused(use, out, "it does not allow it")
        monkeypatch.undo()
        tmp_path.chmod(0o1777)
        monkeypatch.setattr(_output.os, "geteuid", lambda: os.getuid() + 1)
        self.refused(use, out, "it does not allow it")

    @pytest.mark.parametrize("name", ["a" * 256, "missing/" + "a" * 256])
    def test_a_name_that_is_too_long(self, name, tmp_path):
        with pytest.raises(InputError, match="File name too long"):
            check_directory(tmp_path / name)
        assert list(tmp_path.iterdir()) == []

    def test_a_trial_leaves_nothing(self, tmp_path):
        check_directory(tmp_path / "new" / "out")
        check_directory(tmp_path / "out")
        assert list(tmp_path.iterdir()) == []


class TestWriting:
    def test_a_failure_leaves_the_old_files(self, folder, monkeypatch, tmp_path):
        target = tmp_path / "out"
        old = {"report.html": "old", "result.json": SIGNED}
        write_files(target, old)

        def fail(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(_output, "switch", fail)
        for out in (target, tmp_path / "new" / "out"):
            with pytest.raises(KeyboardInterrupt):
                write_files(out, {"report.html": "new", "result.json": SIGNED})
        assert {name: text.decode() for name, text in contents(target).items()} == old
        assert list(tmp_path.iterdir()) == [target]

    def test_the_folder_is_that_of_the_last_run(self, tmp_path):
        """Files that it did not write are gone, and so are other folders of targets."""
        out = tmp_path / "above" / "out"
        first = {"summary.csv": "1", "A/report.html": "1", "A/result.json": SIGNED}
        paths = write_files(out, first)
        assert paths == [out / name for name in first]
        assert {p: c.decode() for p, c in tree(out).items()} == first
        (out / ".DS_Store").write_text("of a file manager")
        out.chmod(0o750)
        write_files(out, {"summary.csv": "2", "B/report.html": b"2"})
        assert tree(out) == {"summary.csv": b"2", "B/report.html": b"2"}
        assert sorted(path.name for path in out.iterdir()) == ["B", "summary.csv"]
        assert out.stat().st_mode & 0o777 == 0o750
        assert list(out.parent.iterdir()) == [out]

    def test_a_file_system_that_cannot_exchange_folders(
        self, tmp_path, monkeypatch, capsys
    ):
        monkeypatch.setattr(_switch, "exchange", lambda *_: False)
        write_files(tmp_path / "out", {"result.json": SIGNED})
        assert capsys.readouterr().err == ""
        write_files(tmp_path / "out", {"report.html": "new"})
        assert tree(tmp_path / "out") == {"report.html": b"new"}
        assert "cannot exchange folders in one step" in capsys.readouterr().err
        assert [path.name for path in tmp_path.iterdir()] == ["out"]

    def test_what_is_no_text(self, tmp_path):
        (path,) = write_files(tmp_path / "\udcff", {"report.html": "a\udcff\ud800é"})
        assert path.read_text("utf-8") == "a\\udcff\\ud800é"

    def test_every_file_of_a_command_has_its_name(self):
        assert not AUDIT_FILES & FEATURE_FILES

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

    @pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
    def test_names_of_files_that_are_not_utf8(self, used, tmp_path):
        folder = tmp_path / "data\udcff"
        try:
            save(folder, used)
        except OSError:
            pytest.skip("this file system wants names in UTF-8")
        (folder / "embeddings.npy").rename(folder / "X\udcff.npy")
        files = [str(folder / "X\udcff.npy"), str(folder / "metadata.csv")]
        out = folder / "out\udcfe"
        command = ["audit", *files, "--target", "target", "--out", str(out), *QUICK]
        result = CliRunner().invoke(wsca, command)
        assert result.exit_code == 0, result.output
        assert "out\\udcfe/report.html" in result.output
        assert sorted(tree(out)) == ["report.html", "result.json", "summary.csv"]
        found = json.loads((out / "result.json").read_text("utf-8"))["inputs"]
        assert found["embeddings"].startswith("X\udcff.npy (sha256")
        assert "X\\udcff.npy" in (out / "report.html").read_text("utf-8")
