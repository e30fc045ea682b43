"""``wsca audit`` of several seeds of one network."""

import json

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._cli._networks import name_networks
from tests.command_runs import FILES, run
from tests.networks.studies import analyse, make_networks
from tests.schemas import check_schema

pytestmark = pytest.mark.usefixtures("no_figures")

QUICK = ["--permutations", "99", "--no-sensitivity", "--columns", "scanner", "age"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    networks, table = make_networks(3)
    table = table.assign(image=[f"image {i}" for i in range(len(table))])
    table.to_csv(folder / "table.csv", index=False)
    for seed, (X, (weight, bias)) in enumerate(networks):
        np.save(folder / f"X{seed}.npy", X)
        np.savez(folder / f"head{seed}.npz", weight=weight, bias=bias)
        named = pd.DataFrame(X).add_prefix("f").assign(image=table["image"])
        named.iloc[:: (-1) ** seed].to_csv(folder / f"X{seed}.csv", index=False)
    named.iloc[5:].to_csv(folder / "fewer.csv", index=False)
    np.save(folder / "other.npy", X[:-1])
    return folder


def audit(folder, *options, out, seeds=3, form="npy", code=0):
    words = ["audit", folder / f"X0.{form}", folder / "table.csv"]
    words += ["--target", "target", "--head", folder / "head0.npz"]
    for seed in range(1, seeds):
        words += ["--network", folder / f"X{seed}.{form}", folder / f"head{seed}.npz"]
    return run(*words, "--out", folder / out, *QUICK, *options, code=code)


@pytest.fixture(scope="module")
def printed(folder):
    return audit(folder, out="out").stdout


def result_of(folder, out="out"):
    return json.loads((folder / out / "networks.json").read_text("utf-8"))


def test_every_network_has_a_folder_and_all_have_tables(folder, printed):
    found = sorted(
        str(p.relative_to(folder / "out")) for p in (folder / "out").rglob("*.*")
    )
    own = [f"head{seed}/{name}" for seed in range(3) for name in FILES]
    assert found == [*own, "networks.csv", "networks.json", "summary.csv"]
    table = pd.read_csv(folder / "out" / "summary.csv", index_col=[0, 1])
    assert table.index.names == ["network", "column"]
    assert len(table) == 6


def test_numbers_are_those_of_the_analyses(folder, printed):
    networks, table = make_networks(3)
    own = [
        analyse(X, table, head, columns=["scanner", "age"], n_permutations=99)
        for X, head in networks
    ]
    expected = [one.summary_.loc["scanner", "utilization"] for one in own]
    result = result_of(folder)
    check_schema(result, "networks.schema.json")
    assert result["networks"] == ["head0", "head1", "head2"]
    assert result["inputs"]["head1"]["embeddings"].startswith("X1.npy (sha256 ")
    scanner = result["columns"][0]
    assert scanner["verdict_counts"] == {"used": 3}
    numbers = scanner["numbers"]["utilization"]
    assert numbers["values"] == pytest.approx(expected)
    assert numbers["standard_deviation"] == pytest.approx(np.std(expected, ddof=1))
    spread = pd.read_csv(
        folder / "out" / "networks.csv", index_col=["column", "number"]
    )
    row = spread.loc[("scanner", "utilization")]
    assert row["mean"] == pytest.approx(np.mean(expected))
    assert row["network head2"] == pytest.approx(expected[2])
    assert "3 networks on the same rows" in printed
    assert "3 used" in printed
    assert "head1: The network is right on 'target' in" in printed


def test_ids_match_rows_and_a_verdict_of_any_network_can_end_a_pipeline(
    folder, printed
):
    options = ["--id", "image", "--fail-on", "used"]
    audit(folder, *options, out="ids", seeds=2, form="csv", code=3)
    found, expected = (
        result_of(folder, out)["columns"][0]["numbers"]["utilization"]["values"]
        for out in ("ids", "out")
    )
    assert found == pytest.approx(expected[:2], rel=1e-6)


def refused(folder, *options, seeds=1, form="npy"):
    result = audit(folder, *options, out="bad", seeds=seeds, form=form, code=2)
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert not (folder / "bad").exists()
    return result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--network", "X1.npy", "head1.npz", "--target", "scanner"], "one --target"),
        (
            ["--network", "X1.npy", "head1.npz", "--held-out", "X1.npy", "table.csv"],
            "--held-out-rows",
        ),
        (["--network", "X1.npy", "head2.npz"], "head2.npz"),
        (["--network", "other.npy", "head2.npz"], "199"),
        (["--network", "none.npy", "head1.npz"], "none.npy"),
        (["--head", "head1.npz"], "--network EMBEDDINGS HEAD"),
    ],
)
def test_bad_input_ends_in_one_line(folder, monkeypatch, options, message):
    monkeypatch.chdir(folder)
    assert message in refused(folder, *options)


def test_networks_of_other_rows_are_refused(folder):
    options = ["--id", "image", "--unmatched", "drop"]
    options += ["--network", folder / "fewer.csv", folder / "head2.npz"]
    result = audit(folder, *options, out="bad", seeds=1, form="csv", code=2)
    message = result.stderr.strip().splitlines()[-1]
    assert "fewer.csv: 5 rows, such as 'image " in message


def test_the_first_network_needs_its_head(folder):
    words = ["audit", folder / "X0.npy", folder / "table.csv", "--target", "target"]
    words += ["--network", folder / "X1.npy", folder / "head1.npz"]
    message = run(*words, "--out", folder / "bad", code=2).stderr
    assert "by --head" in message


def test_names_are_those_that_differ(tmp_path):
    def names(*pairs):
        return name_networks(
            [{"embeddings": tmp_path / X, "head": (tmp_path / h,)} for X, h in pairs]
        )

    assert names(("X.npy", "a.npz"), ("X.npy", "b.npz")) == ["a", "b"]
    assert names(("X.npy", "h.npz"), ("Y.npy", "h.npz")) == ["X", "Y"]
    assert names(("0/X.npy", "0/h.npz"), ("1/X.npy", "1/h.npz")) == ["0", "1"]
    assert names(("X.npy", "h.npz"), ("X.npy", "h.npz")) == ["1", "2"]
    assert name_networks([{"embeddings": tmp_path / "X.npy", "head": ()}]) == ["X"]


def test_a_network_that_is_named_twice_is_refused(folder):
    again = ["--network", folder / "X0.npy", folder / "head0.npz"]
    message = audit(folder, *again, out="twice", seeds=1, code=2).stderr
    assert "--network: " in message and "are named twice" in message
    assert not (folder / "twice").exists()


def test_copies_of_a_network_are_refused(folder):
    np.save(folder / "copy.npy", np.load(folder / "X0.npy"))
    copy = ["--network", folder / "copy.npy", folder / "head0.npz"]
    done = audit(folder, *copy, out="copy", seeds=1, code=2)
    assert "'X0' and 'copy' are the same network" in done.stderr
