"""``wsca features``: from feature maps to tables and figures."""

import re

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import IntegratedFeatureAnalysis
from tests.command_runs import run

TABLES = ["curve.csv", "features.csv", "samples.csv", "shifts.csv"]
PICTURES = ["consistency.png", "importance.png", "maps.png", "curve.png"]


def simulate(seed, n=160, n_features=12):
    """Feature 0 tells the classes apart, feature 1 sees scanner B in a corner."""
    rng = np.random.default_rng(seed)
    label, scanner = rng.integers(0, 2, n), rng.integers(0, 2, n)
    scale = np.geomspace(0.1, 2.0, n_features)[:, None, None]
    maps = rng.gamma(2.0, scale, (n, n_features, 5, 5))
    maps[:, 0] += 1.5 * label[:, None, None]
    maps[:, 1, :2, :2] += 4.0 * scanner[:, None, None]
    weights = np.zeros((2, n_features))
    weights[1, :3] = 3.0, 1.0, 0.05
    bias = np.array([0.0, -(maps.mean(axis=(2, 3)) @ weights[1]).mean()])
    table = pd.DataFrame(
        {
            "label": np.array(["benign", "malignant"])[label],
            "scanner": np.array(["A", "B"])[scanner],
            "patient": np.arange(n) // 2,
        }
    )
    return maps.astype(np.float32), table, (weights, bias)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    for seed in (0, 1):
        maps, table, (weights, bias) = simulate(seed)
        np.save(folder / f"maps{seed}.npy", maps)
        table.drop(columns="patient").to_csv(folder / f"table{seed}.csv", index=False)
    np.savez(folder / "head.npz", weight=weights, bias=bias)
    return folder


def analyse(folder, *options, maps="maps0.npy", table="table0.csv", code=0, out="out"):
    """Run the command on files of a folder."""
    command = ["features", folder / maps, folder / table, "--target", "label"]
    command += ["--head", folder / "head.npz", "--permutations", "99"]
    return run(*command, "--out", folder / out, *options, code=code)


@pytest.fixture(scope="module")
def printed(folder):
    return analyse(folder)


def test_tables_and_pictures(folder, printed):
    assert sorted(path.name for path in (folder / "out").iterdir()) == sorted(
        [*TABLES, *PICTURES, "features.html"]
    )
    for name in [*TABLES, *PICTURES, "features.html"]:
        assert f"{folder / 'out' / name}\n" in printed.stdout
    for name in PICTURES:
        content = (folder / "out" / name).read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) > 5000


def test_numbers_are_those_of_the_estimator(folder, printed):
    maps, table, head = simulate(0)
    analysis = IntegratedFeatureAnalysis(
        head, target="label", n_permutations=99, random_state=0
    ).fit(maps, table[["label", "scanner"]])
    found = pd.read_csv(folder / "out" / "features.csv", index_col="feature")
    assert found["rank"].is_monotonic_increasing
    found = found.sort_index()
    assert found["rank"].tolist() == analysis.ranking_.tolist()
    np.testing.assert_allclose(found["importance"], analysis.importance_overall_)
    np.testing.assert_allclose(
        found["importance of malignant"], analysis.importance_[1]
    )
    shifts = pd.read_csv(folder / "out" / "shifts.csv", index_col=[0, 1])
    expected = analysis.compare(maps, table[["label", "scanner"]]).loc["scanner"]
    np.testing.assert_allclose(shifts.loc["scanner"]["smd"], expected["smd"], atol=1e-6)
    samples = pd.read_csv(folder / "out" / "samples.csv", index_col="row")
    np.testing.assert_allclose(
        samples["outlier_score"].sort_index(), analysis.outlier_scores_
    )


def test_what_was_planted_is_found(folder, printed):
    features = pd.read_csv(folder / "out" / "features.csv", index_col="feature")
    assert features["rank"].idxmin() == 0
    assert features["share of utilization by scanner"].idxmax() == 1
    shifts = pd.read_csv(folder / "out" / "shifts.csv", index_col=[0, 1])
    assert shifts.index.unique(0).tolist() == ["scanner"]
    assert shifts.loc["scanner"]["pvalue_fwer"].idxmin() == "1"
    assert "scanner: 1 of 12 features shift at fixed class" in printed.stdout
    assert "what they add up to: own score " in printed.stdout.replace("\n", " ")


def test_two_runs_write_the_same(folder, printed):
    analyse(folder, out="again")
    for path in (folder / "out").iterdir():
        assert (folder / "again" / path.name).read_bytes() == path.read_bytes()


def test_held_out_samples_are_compared(folder):
    new = [folder / "maps1.npy", folder / "table1.csv"]
    printed = analyse(folder, "--held-out", *new, out="held")
    shifts = pd.read_csv(folder / "held" / "shifts.csv", index_col=[0, 1])
    assert shifts.index.unique(0).tolist() == ["split", "scanner"]
    assert "split: 0 of 12 features shift" in printed.stdout


def run_table(folder, table, *options):
    """Run the command with other metadata; standard error, and the features."""
    table.to_csv(folder / "other.csv", index=False)
    result = analyse(folder, *options, table="other.csv", out="other")
    features = pd.read_csv(folder / "other" / "features.csv", index_col="feature")
    return result.stderr, features


@pytest.mark.parametrize("groups", [[], ["--groups", "patient"]])
def test_labels_without_metadata(folder, groups):
    table = simulate(0)[1][["label", *groups[1:]]]
    noted, features = run_table(folder, table, *groups)
    # That the groups are those of the fit is no news.
    assert noted == ""
    assert not features.columns.str.startswith("share").any()
    assert features["rank"].idxmin() == 0
    assert (folder / "other" / "shifts.csv").read_text().count("\n") == 1


def test_column_without_share_of_utilization_is_said(folder):
    table = simulate(0)[1].drop(columns="patient")
    table["site"] = table["label"].map({"benign": "north", "malignant": "south"})
    noted, features = run_table(folder, table.assign(version=7))
    shares = features.columns[features.columns.str.startswith("share")]
    assert shares.tolist() == ["share of utilization by scanner"]
    assert noted.splitlines()[0] == (
        "wsca: note: features.csv has no share of utilization by 'site' (left out: "
        "cannot be told from the target 'label' (it is 'north' where it is 'benign', "
        "'south' where it is 'malignant'), so at fixed target nothing of it is left to "
        "compare); 'version' (left out: constant: all 160 observed rows are 7)."
    )


def test_constant_metadata_leave_the_rest_of_the_analysis(folder):
    table = simulate(0)[1][["label"]].assign(version=7)
    noted, features = run_table(folder, table)
    assert "no share of utilization: y: all columns are left out" in noted
    assert "'version': constant" in noted
    assert not features.columns.str.startswith("share").any() and len(features) == 12


def test_pooled_maps_have_no_pictures_of_maps(folder):
    maps = simulate(0)[0].mean(axis=(2, 3))
    np.savez(folder / "pooled.npz", maps=maps)
    analyse(folder, maps="pooled.npz", out="pooled")
    assert not (folder / "pooled" / "maps.png").exists()
    assert (folder / "pooled" / "curve.png").exists()


@pytest.mark.parametrize(
    ("options", "file", "message"),
    [
        (["--target", "lable"], "table0.csv", "did you mean 'label'"),
        (["--columns", "site"], "table0.csv", "no column 'site'"),
        (["--held-out", "maps9.npy", "table1.csv"], "maps9.npy", "no such file|not"),
    ],
)
def test_bad_input_is_one_line(folder, options, file, message):
    options = [folder / o if "." in o else o for o in options]
    result = analyse(folder, *options, code=2, out="none")
    (line,) = result.stderr.splitlines()
    assert line.startswith("wsca: ") and file in line
    assert re.search(message, line)
    assert not (folder / "none").exists()


def test_another_number_of_rows(folder):
    simulate(0)[1][:100].to_csv(folder / "short.csv", index=False)
    result = analyse(folder, table="short.csv", code=2, out="none")
    assert "160 rows" in result.stderr and "100 rows" in result.stderr


def test_head_of_another_width(folder):
    np.savez(folder / "wide.npz", weight=np.ones((2, 13)), bias=np.zeros(2))
    result = analyse(folder, "--head", folder / "wide.npz", code=2, out="none")
    assert "wide.npz" in result.stderr and "13" in result.stderr


def test_outputs_of_the_network_are_compared_with_the_maps(folder):
    maps, head = simulate(0)[0], np.load(folder / "head.npz")
    logits = maps.mean(axis=(2, 3)) @ head["weight"].T + head["bias"]
    np.save(folder / "logits.npy", logits)
    done = analyse(folder, "--outputs", folder / "logits.npy", out="with outputs")
    printed = " ".join(done.stdout.split())
    assert (
        "output of the network): at least 1.0000; in value R² at least 1.0000; 100% of"
        in printed
    )
    np.save(folder / "others.npy", np.load(folder / "logits.npy")[::-1])
    done = analyse(folder, "--outputs", folder / "others.npy", out="with others")
    assert "does not give the outputs of the network" in " ".join(done.stderr.split())


def test_tokens_are_read_as_in_python(folder):
    maps = np.load(folder / "maps0.npy")
    analyse(folder, out="as maps")
    tokens = maps.reshape(*maps.shape[:2], -1).transpose(0, 2, 1)
    np.save(folder / "tokens.npy", tokens)
    held_out = ("--held-out", folder / "tokens.npy", folder / "table0.csv")
    done = analyse(folder, *held_out, maps="tokens.npy", out="as tokens")
    said = " ".join(done.stderr.split())
    assert f"taken as {maps.shape[1]} features at" in said
    for name in ("features.csv", "samples.csv"):
        found, expected = (
            pd.read_csv(folder / out / name) for out in ("as tokens", "as maps")
        )
        pd.testing.assert_frame_equal(found, expected, rtol=1e-5)


def test_advice_is_by_options_that_there_are(folder):
    table = pd.read_csv(folder / "table0.csv")
    other = {"benign": "malignant", "malignant": "benign"}
    table["label"] = table["label"].map(other)
    table.to_csv(folder / "turned.csv", index=False)
    done = analyse(folder, table="turned.csv", out="turned", code=2)
    said = " ".join(done.stderr.split())
    assert "--classes" in said and "--groups" in said
    assert "--id" not in said and "--no-check-head" not in said
