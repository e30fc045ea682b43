"""Files that are not what their place on the command line says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.command_runs import QUICK, result_of, run

pytestmark = pytest.mark.usefixtures("no_figures")

N, D = 120, 5
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(N, D)) * [1, 20, 0.1, 3, 1] + [5, -70, 0, 1, 0]
CODES = (X[:, 0] + GENERATOR.normal(size=N) > 5.0).astype(int)
SEX = GENERATOR.integers(0, 2, N)
TABLE = pd.DataFrame(
    {
        "disease": np.array(["ill", "well"])[CODES],
        "sex": np.array(["f", "m"])[SEX],
        "patient": np.arange(N) // 2 * 3 + 1000,
    }
)
CODED = TABLE.assign(disease=CODES, sex=SEX)
FEATURES = pd.DataFrame(X, columns=[f"f{i}" for i in range(D)])
HEAD = GENERATOR.normal(size=(2, D))


def write(folder, X=FEATURES, table=TABLE, suffix=".csv"):
    """Write embeddings and metadata; returns both files."""
    files = folder / f"embeddings{suffix}", folder / "metadata.csv"
    if suffix == ".npy":
        np.save(files[0], X.to_numpy())
    else:
        X.to_csv(files[0], index=False)
    table.to_csv(files[1], index=False)
    np.save(folder / "head.npy", HEAD)
    return files


def audit(folder, *files, code=0, options=()):
    command = ["audit", *files, "--target", "disease", "--out", folder / "out"]
    return run(*command, *QUICK, *options, code=code)


def refused(folder, *files, options=()):
    (line,) = audit(folder, *files, code=2, options=options).stderr.splitlines()
    return line


@pytest.mark.parametrize("suffix", [".csv", ".npy"])
@pytest.mark.parametrize("table", [TABLE, CODED], ids=["text", "numbers"])
def test_the_wrong_order(tmp_path, suffix, table):
    embeddings, metadata = write(tmp_path, table=table, suffix=suffix)
    line = refused(tmp_path, metadata, embeddings)
    assert line.startswith(
        f"wsca: {metadata}: holds the column 'disease', so it is the"
    )
    assert line.endswith(f"name the files in the other order: {embeddings} {metadata}")


def test_the_wrong_order_of_held_out_files(tmp_path):
    embeddings, metadata = write(tmp_path)
    options = ["--held-out", metadata, embeddings]
    line = refused(tmp_path, embeddings, metadata, options=options)
    assert line.endswith(f"in the other order: {embeddings} {metadata}")


def test_the_wrong_order_of_maps(tmp_path):
    maps, metadata = write(tmp_path, suffix=".npy")
    command = ["features", metadata, maps, "--target", "disease"]
    line = run(*command, "--out", tmp_path / "out", code=2).stderr
    assert f"in the other order: {maps} {metadata}" in line


@pytest.mark.parametrize("table", [TABLE, CODED], ids=["text", "numbers"])
def test_one_file_for_both(tmp_path, table):
    file = tmp_path / "all.csv"
    FEATURES.join(table).to_csv(file, index=False)
    line = refused(tmp_path, file, file)
    assert "is named for the embeddings and for the metadata; save the" in line


@pytest.mark.parametrize("target", ["diseas", "illness"])
def test_a_wrong_name_is_no_wrong_order(tmp_path, target):
    embeddings, metadata = write(tmp_path)
    command = ["audit", embeddings, metadata, "--target", target, *QUICK]
    line = run(*command, "--out", tmp_path / "out", code=2).stderr
    assert f"there is no column '{target}'" in line and "order" not in line


def test_a_column_among_the_features_is_named_by_its_file(tmp_path):
    embeddings, metadata = write(tmp_path, FEATURES.assign(sex=SEX))
    found = audit(tmp_path, embeddings, metadata, options=["--groups", "patient"])
    note = "the feature 'sex' of the embeddings is the column 'sex' of the metadata"
    assert f"wsca: note: {note}" in found.stderr
    assert any(note in said for said in result_of(tmp_path)["notes"])


def test_a_column_among_the_features_of_a_head(tmp_path):
    embeddings, metadata = write(tmp_path, FEATURES.assign(sex=SEX))
    options = ["--head", tmp_path / "head.npy"]
    line = refused(tmp_path, embeddings, metadata, options=options)
    assert "of the metadata are among the features ('sex'): delete them from" in line


def test_logits_in_place_of_embeddings(tmp_path):
    logits = pd.DataFrame(X @ HEAD.T, columns=["a", "b"])
    embeddings, metadata = write(tmp_path, logits, suffix=".npy")
    options = ["--head", tmp_path / "head.npy"]
    line = refused(tmp_path, embeddings, metadata, options=options)
    assert "look like the outputs of the head, of which there are 2" in line


def test_another_width_is_not_explained(tmp_path):
    embeddings, metadata = write(tmp_path, FEATURES[["f0", "f1", "f2"]])
    options = ["--head", tmp_path / "head.npy"]
    line = refused(tmp_path, embeddings, metadata, options=options)
    assert "look like the outputs" not in line and "are among the" not in line


def test_a_patient_without_groups(tmp_path):
    files = write(tmp_path)
    found = audit(tmp_path, *files)
    (line,) = found.stderr.splitlines()
    assert line.startswith(
        "wsca: note: --groups: 120 rows share 60 values of 'patient'"
    )
    assert line.endswith("Say which belong together: --groups patient.")
    assert audit(tmp_path, *files, options=["--groups", "patient"]).stderr == ""


def test_rows_that_lack_something_are_counted(tmp_path):
    table = TABLE.copy()
    table.loc[:9, "disease"] = None
    table["patient"] = table["patient"].astype(object)
    table.loc[8:13, "patient"] = None
    files = write(tmp_path, table=table)
    found = audit(tmp_path, *files, options=["--groups", "patient"]).stdout
    expected = (
        "Of 120 rows, 106 can be judged: 10 lack the target 'disease', 6 lack the "
        "group 'patient'."
    )
    assert expected in " ".join(found.split())
    result = result_of(tmp_path)
    assert result["analysis"]["n_used"] == 106
    assert expected in result["description"]


def test_complete_rows_are_not_counted(tmp_path):
    found = audit(tmp_path, *write(tmp_path), options=["--groups", "patient"])
    assert "can be judged" not in found.stdout
    assert result_of(tmp_path)["analysis"]["lacking"] == []


def test_held_out_files_keep_names_only_if_both_have_them(tmp_path):
    embeddings, metadata = write(tmp_path)
    np.save(tmp_path / "new.npy", X)
    options = ["--groups", "patient", "--held-out", tmp_path / "new.npy", metadata]
    stderr = audit(tmp_path, embeddings, metadata, options=options).stderr
    assert "feature names" not in stderr
    FEATURES[["f1", "f0", "f2", "f3", "f4"]].to_csv(tmp_path / "new.csv", index=False)
    options[-2] = tmp_path / "new.csv"
    line = refused(tmp_path, embeddings, metadata, options=options)
    assert "feature names should match" in line.lower()


def test_row_numbers_are_no_part_of_everything(tmp_path):
    table = TABLE.assign(**{"Unnamed: 0": np.arange(N) * 3, "age": X[:, 1]})
    files = write(tmp_path, table=table)
    options = ["--groups", "patient", "--combine", "sex", "sex2"]
    table.assign(sex2=table["sex"]).to_csv(files[1], index=False)
    found = audit(tmp_path, *files, options=options)
    line, _ = found.stderr.splitlines()
    assert line.startswith("wsca: note: column 'Unnamed: 0' is left out: identifier")
    names = [column["name"] for column in result_of(tmp_path)["columns"]]
    assert names == ["sex", "age", "sex2", "sex & sex2"]
