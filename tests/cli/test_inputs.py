"""Rows that are read, and those that are held out."""

import hashlib
import os

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._cli import commands
from sklearn_wsca.datasets import make_shortcut
from sklearn_wsca.io import load_metadata
from sklearn_wsca.report import to_dict
from tests.command_runs import assert_same_numbers, audit, result_of, save

pytestmark = pytest.mark.usefixtures("no_figures")


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
            assert_same_numbers(one["utilization"], two["utilization"])
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


class TestChangedFiles:
    """What was analysed is what is reported, or nothing is."""

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("embeddings.npy", "shorter"),
            ("embeddings.npy", "replaced"),
            ("metadata.csv", "longer"),
            ("head.npz", "gone"),
        ],
    )
    def test_end_in_one_line(self, tmp_path, used, monkeypatch, name, change):
        folder = save(tmp_path, used)
        file = folder / name
        analyse = commands.analyse

        def change_then_analyse(*arguments):
            if change == "replaced":
                (folder / "other").write_bytes(file.read_bytes())
                (folder / "other").replace(file)
            elif change == "gone":
                file.unlink()
            else:
                length = file.stat().st_size + (100 if change == "longer" else -100)
                os.truncate(file, length)
            return analyse(*arguments)

        monkeypatch.setattr(commands, "analyse", change_then_analyse)
        result = audit(folder, code=2)
        (line,) = [one for one in result.stderr.splitlines() if "note:" not in one]
        assert line.startswith(f"wsca: {file}: has changed while it was in use")
        assert not (folder / "out").exists() or not [*(folder / "out").iterdir()]

    def test_hashes_are_those_of_the_files(self, both):
        folder, _ = both
        new = [folder / "embeddings_new.npy", folder / "metadata_new.csv"]
        audit(folder, "--held-out", *new, out="hashed")
        inputs = result_of(folder, "hashed")["inputs"]
        for role, name in {
            "embeddings": "embeddings.npy",
            "metadata": "metadata.csv",
            "head": "head.npz",
            "held-out embeddings": "embeddings_new.npy",
            "held-out metadata": "metadata_new.csv",
        }.items():
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            assert inputs[role] == f"{name} (sha256 {digest})"
