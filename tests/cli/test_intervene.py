"""``wsca intervene``: from outputs of the same units to how far they move."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import intervention_test
from tests.command_runs import run
from tests.interventions.studies import make_study
from tests.schemas import check_schema

FILES = ["effects.csv", "intervention.html", "intervention.json", "units.csv"]
NAMES = {"unit": "patient", "level": "scanner", "repeat": "scan", "target": "illness"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("interventions")
    outputs, table = make_study(common=0.3, noise=0.2, n_repeats=2)
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((3, 5))
    embeddings = outputs @ np.linalg.pinv(weights).T
    np.save(folder / "outputs.npy", outputs)
    np.save(folder / "embeddings.npy", embeddings)
    np.savez(folder / "head.npz", weight=weights, bias=np.zeros(3))
    np.savez(folder / "both.npz", logits=outputs, probabilities=outputs)
    table = table.rename(columns=NAMES)
    table.to_csv(folder / "table.csv", index=False)
    table[table["scan"] == 0].to_csv(folder / "once.csv", index=False)
    np.save(folder / "outputs_once.npy", outputs[(table["scan"] == 0).to_numpy()])
    np.save(folder / "score.npy", outputs[:, :1])
    np.save(folder / "line.npy", outputs[:, 0])
    table["row"] = [f"row {i}" for i in range(len(table))]
    table.to_csv(folder / "rows.csv", index=False)
    named = pd.DataFrame(outputs).add_prefix("class ").assign(row=table["row"])
    named.iloc[::-1].to_csv(folder / "named.csv", index=False)
    alone = (table["patient"] != "patient 3") | (table["scanner"] == "scanner B")
    table[alone].to_csv(folder / "alone.csv", index=False)
    np.save(folder / "outputs_alone.npy", outputs[alone.to_numpy()])
    lines = [",".join(map(str, row[: 2 + i % 2])) for i, row in enumerate(outputs)]
    (folder / "ragged.csv").write_text("\n".join(["a,b,c", *lines]))
    return folder


def intervene(folder, *options, outputs="outputs.npy", table="table.csv", code=0, **kw):
    command = ["intervene", folder / outputs, folder / table]
    command += ["--unit", "patient", "--level", "scanner", "--permutations", "99"]
    return run(*command, "--out", folder / kw.get("out", "out"), *options, code=code)


def expected(folder, **options):
    outputs = np.load(folder / "outputs.npy")
    table = pd.read_csv(folder / "table.csv")
    return intervention_test(
        outputs,
        table["scanner"],
        table["patient"],
        repeats=table["scan"],
        n_permutations=99,
        random_state=0,
        **options,
    )


def test_numbers_are_those_of_the_function(folder):
    printed = intervene(folder, "--repeats", "scan")
    found = json.loads((folder / "out" / "intervention.json").read_text("utf-8"))
    result = expected(folder)
    assert found["sensitivity"] == {
        "estimate": result.sensitivity,
        "low": result.sensitivity_low,
        "high": result.sensitivity_high,
    }
    assert found["pvalue"] == result.pvalue
    assert found["analysis"]["unit"] == "patient"
    check_schema(found, "intervention.schema.json")
    assert found["answer"] == replace(result, notes=()).to_text().splitlines()
    assert found["inputs"]["outputs"].startswith("outputs.npy (sha256 ")
    assert "metadata" in found["inputs"]
    assert f"{result.sensitivity:.2g} (" in printed.stdout
    assert "the noise of repeats" in " ".join(printed.stdout.split())
    assert sorted(path.name for path in (folder / "out").iterdir()) == FILES
    for name in FILES:
        assert f"{folder / 'out' / name}\n" in printed.stdout
    effects = pd.read_csv(folder / "out" / "effects.csv")
    np.testing.assert_allclose(effects["effect"], result.effects["effect"])
    units = pd.read_csv(folder / "out" / "units.csv", index_col="unit")
    np.testing.assert_allclose(units["move"], result.units["move"])


def test_a_target_gives_moves_of_its_classes(folder):
    intervene(folder, "--repeats", "scan", "--target", "illness", out="classes")
    found = json.loads((folder / "classes" / "intervention.json").read_text("utf-8"))
    table = pd.read_csv(folder / "table.csv")
    assert found["shift"]["estimate"] == expected(folder, target=table["illness"]).shift
    effects = pd.read_csv(folder / "classes" / "effects.csv")
    assert set(effects["target_class"]) == {"all", "mild", "severe", "well"}


def test_a_head_makes_outputs_of_embeddings(folder):
    options = ("--repeats", "scan", "--head", folder / "head.npz")
    intervene(folder, *options, outputs="embeddings.npy", out="head")
    found = json.loads((folder / "head" / "intervention.json").read_text("utf-8"))
    result = expected(folder)
    assert found["sensitivity"]["estimate"] == pytest.approx(result.sensitivity)
    assert found["inputs"]["head"].startswith("head.npz")


def test_the_same_run_writes_the_same_files_over_its_own(folder):
    for _ in range(2):
        intervene(folder, outputs="outputs_once.npy", table="once.csv", out="again")
        content = (folder / "again" / "intervention.json").read_bytes()
    assert content.startswith(b'{\n  "schema_version"')
    (folder / "again" / "mine.txt").write_text("keep")
    refused = intervene(folder, "--repeats", "scan", out="again", code=2)
    assert "mine.txt" in refused.stderr
    assert (folder / "again" / "intervention.json").read_bytes() == content


def test_rows_in_another_order_are_matched_by_their_ids(folder):
    files = {"outputs": "named.csv", "table": "rows.csv"}
    intervene(folder, "--repeats", "scan", "--id", "row", out="ids", **files)
    found = json.loads((folder / "ids" / "intervention.json").read_text("utf-8"))
    result = expected(folder)
    assert found["sensitivity"]["estimate"] == pytest.approx(result.sensitivity)
    assert found["pvalue"] == result.pvalue


def test_a_single_score(folder):
    printed = intervene(folder, "--repeats", "scan", outputs="score.npy", out="score")
    assert "How many decisions change is not said" in printed.stdout


@pytest.mark.parametrize(
    ("options", "files", "message"),
    [
        (
            (),
            {},
            "table.csv: --unit: unit 'patient 0' under level 'scanner A' has sev",
        ),
        ((), {}, "name the column with the number of the scan in --repeats"),
        (
            ("--repeats", "scann"),
            {},
            "table.csv: --repeats: there is no column 'scann' in the metadata (did you "
            "mean 'scan'?)",
        ),
        (
            ("--repeats", "scan", "--target", "scan"),
            {},
            "table.csv: --target: unit 'patient 0' has several",
        ),
        (
            ("--repeats", "scan", "--outputs-key", "x"),
            {"outputs": "both.npz"},
            "choose with --outputs-key",
        ),
        (
            ("--repeats", "scan"),
            {"outputs": "both.npz"},
            "name one with --outputs-key",
        ),
        (
            ("--repeats", "scan"),
            {"table": "once.csv"},
            "240 rows",
        ),
        (
            ("--repeats", "scan"),
            {"outputs": "outputs_alone.npy", "table": "alone.csv"},
            "--unit: 1 of 40 units were seen under one level only, such as 'patient 3'",
        ),
        (("--repeats", "scan"), {"outputs": "ragged.csv"}, "ragged.csv: "),
        (("--repeats", "scan"), {"outputs": "named.csv"}, "--id"),
        (
            ("--repeats", "scan"),
            {"outputs": "table.csv", "table": "outputs.npy"},
            "name the files in the other order",
        ),
    ],
)
def test_bad_input_is_one_line(folder, options, files, message):
    refused = intervene(folder, *options, code=2, out="refused", **files)
    assert message in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (folder / "refused").exists()


def test_many_levels_are_in_the_file(folder, tmp_path):
    rng = np.random.default_rng(0)
    unit, level = np.indices((30, 25)).reshape(2, -1)
    np.save(tmp_path / "o.npy", rng.standard_normal((750, 2)))
    table = pd.DataFrame({"patient": unit, "scanner": [f"s{i:02}" for i in level]})
    table.to_csv(tmp_path / "t.csv", index=False)
    printed = intervene(tmp_path, outputs="o.npy", table="t.csv")
    assert "5 more levels in effects.csv" in printed.stdout
    effects = pd.read_csv(tmp_path / "out" / "effects.csv", index_col="level")
    most = effects["output"].iloc[effects["effect"].abs().argmax()]
    highest_first = effects[effects["output"] == most].sort_values("effect").index[::-1]
    assert re.findall(r"\u2502 (s\d\d) ", printed.stdout) == [*highest_first[:20]]


def test_a_score_may_be_an_array_of_one_dimension(folder):
    found = []
    for name in ("score", "line"):
        intervene(folder, "--repeats", "scan", outputs=f"{name}.npy", out=name)
        text = (folder / name / "intervention.json").read_text("utf-8")
        found.append({k: v for k, v in json.loads(text).items() if k != "inputs"})
    assert found[0] == found[1]
