"""The commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from sklearn_wsca._backend.file_rows import FileState
from sklearn_wsca._backend.progress import step
from sklearn_wsca._cli._audit import Findings, analyse, make_analysis
from sklearn_wsca._cli._compare import print_comparison, read_both, run_comparison
from sklearn_wsca._cli._demo import INTRODUCTION, READING, demo_analysis, load_demo
from sklearn_wsca._cli._errors import OneLineGroup, refuse
from sklearn_wsca._cli._feature_terminal import (
    classes_to_show,
    describe,
    print_features,
    words_of_figures,
)
from sklearn_wsca._cli._features import (
    analyse_features,
    draw,
    put_features_first,
    read_maps,
    read_outputs,
    rows_shown,
)
from sklearn_wsca._cli._images import find_images
from sklearn_wsca._cli._inputs import (
    AuditRows,
    describe_file,
    file_states,
    read_trained_head,
)
from sklearn_wsca._cli._intervene import (
    print_intervention,
    read_outputs_of_units,
    run_intervention,
)
from sklearn_wsca._cli._lists import ListCommand
from sklearn_wsca._cli._networks import (
    NetworkFindings,
    SameRows,
    list_networks,
    name_networks,
    print_networks,
)
from sklearn_wsca._cli._notes import progress
from sklearn_wsca._cli._options import (
    FILE,
    check_option,
    column_options,
    head_options,
    method_options,
    network_option,
    out_option,
    permutation_options,
    quiet_option,
    row_options,
    size_option,
    target_options,
)
from sklearn_wsca._cli._options_of_commands import (
    comparison_options,
    feature_options,
    intervention_options,
    repair_options,
    screen_options,
)
from sklearn_wsca._cli._output import (
    COMPARISON_FILES,
    EFFECTS,
    FEATURE_FILES,
    INTERVENTION,
    INTERVENTION_FILES,
    INTERVENTION_PAGE,
    LEVELS,
    PAIRS,
    REPAIR_FILES,
    REPORT,
    RESULT,
    SCREEN,
    SCREEN_FILES,
    SCREEN_PAGE,
    SUMMARY,
    UNITS,
    check_directory,
)
from sklearn_wsca._cli._paths import say_where
from sklearn_wsca._cli._repair import (
    check_repair_options,
    print_repair,
    run_repair,
    set_half_apart,
)
from sklearn_wsca._cli._rows import name_inputs, read_rows
from sklearn_wsca._cli._screen import (
    print_screen,
    read_screened_table,
    run_screen,
)
from sklearn_wsca._cli._targets import split_options
from sklearn_wsca._cli._terminal import print_result
from sklearn_wsca._cli._versions import print_version
from sklearn_wsca._features.integrated_feature_analysis import IntegratedFeatureAnalysis
from sklearn_wsca._text import printable

FOUND = 3
FILES = "report.html, summary.csv and result.json"


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, callback=print_version, help="Show the version and exit."
)
@click.option(
    "--verbose",
    is_flag=True,
    is_eager=True,  # the one above asks for it
    help="With --version: versions of all that this depends on, threads and settings.",
)
def wsca(version: bool, verbose: bool) -> None:
    """Does a neural network use the metadata that its embeddings encode?"""


@wsca.command()
@permutation_options
@out_option("wsca-demo", FILES)
@quiet_option
def demo(permutations: int, seed: int, out: Path, quiet: bool) -> None:
    """Analyse a small heart-disease network and its four hospitals."""
    check_directory(out)
    console = Console()
    console.print(Text("Heart disease in four hospitals", style="bold"))
    console.print(INTRODUCTION, end="\n\n", highlight=False)
    X, metadata, head = load_demo()
    analysis = demo_analysis(head, permutations, seed)
    with progress(quiet):
        found = analyse(analysis, AuditRows(X, metadata, {}), None, [], True)
    inputs = {"embeddings and metadata": "shipped with sklearn_wsca"}
    report(console, found, found.results(inputs), out, quiet)
    console.print()
    console.print(READING, highlight=False, style="dim")


@wsca.command(cls=ListCommand)
@click.argument("embeddings", type=FILE)
@click.argument("metadata", type=FILE)
@target_options
@network_option
@check_option
@column_options
@row_options
@size_option
@method_options
@permutation_options
@out_option("wsca-report", FILES)
@quiet_option
@click.pass_context
def audit(ctx: click.Context, embeddings: Path, metadata: Path, **options: Any) -> None:
    """Does a network use the metadata that its embeddings encode?

    EMBEDDINGS holds one row per image: what enters the last linear layer (npy, npz,
    csv, parquet, feather, safetensors, pt, h5ad). METADATA describes the same rows
    (csv, tsv, parquet, feather, xlsx, h5ad).

    Exit code 0: done. 2: bad input, with one line on standard error. 3: a column has a
    verdict of --fail-on.
    """
    out, quiet = options["out"], options["quiet"]
    check_directory(out)
    networks = list_networks(embeddings, options)
    read = [file for own in networks for file in (own["embeddings"], *own["head"])]
    states = file_states([metadata, *(options["held_out"] or ()), *read])
    with progress(quiet):
        audits = audit_networks(networks, metadata, states)
    console = Console()
    if len(audits) == 1:
        ((found, results),) = audits.values()
        report(console, found, results, out, quiet)
    else:
        report_networks(console, audits, out, quiet)
    judged = [result for _, results in audits.values() for result in results]
    verdicts = {verdict for result in judged for verdict in result["verdict_counts"]}
    if set(options["fail_on"]) & verdicts:
        ctx.exit(FOUND)


@wsca.command(
    cls=ListCommand, short_help="Which features carry the decision, and where?"
)
@click.argument("maps", type=FILE)
@click.argument("metadata", type=FILE)
@head_options
@feature_options
@size_option
@permutation_options
@out_option("wsca-features", "features.html, the tables (csv) and figures (png)")
@quiet_option
def features(maps: Path, metadata: Path, **options: Any) -> None:
    """Which features carry the decision, do they shift, and where do they act?

    MAPS holds the feature maps of the last convolutional layer, of shape (samples,
    features, ...), in front of average pooling (npy, npz, safetensors, pt). Row i of
    METADATA describes sample i.
    """
    out = options["out"]
    check_directory(out, FEATURE_FILES)
    key, target = options["maps_key"], options["target"]
    most = options["max_size"]
    with progress(options["quiet"]), step("reading"):
        rows = read_maps(maps, metadata, key, target, most)
        held_out = None
        if options["held_out"]:
            new_maps, new_metadata = options["held_out"]
            held_out = read_maps(new_maps, new_metadata, key, target, most)
        outputs = read_outputs(options["outputs"], most)
        rows = put_features_first(rows, options)
        held_out = held_out and put_features_first(held_out, options)
        images = find_images(
            options["images"], rows.metadata, most, options["image_column"]
        )
        if images is not None:
            images.check(rows_shown(len(rows.X)), rows.X.ndim - 2)
    analysis = IntegratedFeatureAnalysis(
        read_trained_head(options, rows),
        target=options["target"],
        metadata=[*options["columns"]] or None,
        groups=options["groups"],
        ratio=options["ratio"],
        ranking=options["ranking"],
        weighting=options["weighting"],
        scale=options["scale"],
        n_permutations=options["permutations"],
        random_state=options["seed"],
    )
    with progress(options["quiet"]):
        files = {name: options[name] for name in ("head", "outputs") if options[name]}
        found = analyse_features(analysis, rows, held_out, outputs, files)
    console = Console()
    with refuse({}):
        shown = classes_to_show(found.analysis, options["show_classes"])
    print_features(console, found, shown)
    with progress(options["quiet"]), step("report"):
        read = {"maps": str(maps), "metadata": str(metadata)}
        read |= {name: str(file) for name, file in files.items()}
        names = [found.analysis.head_.row_names[k] for k in shown]
        of_classes = names if options["show_classes"] else None
        drawn = draw(found.analysis, rows.X, outputs, images, of_classes)
        paths = found.write(out, drawn, describe(found, shown), read)
    say_where(console, paths, words_of_figures(found.analysis))


@wsca.command(short_help="How far do outputs move between scanners?")
@click.argument("outputs", type=FILE)
@click.argument("metadata", type=FILE)
@intervention_options
@size_option
@permutation_options
@out_option(
    "wsca-intervention", f"{INTERVENTION_PAGE}, {INTERVENTION}, {EFFECTS} and {UNITS}"
)
@quiet_option
def intervene(outputs: Path, metadata: Path, **options: Any) -> None:
    """How far do outputs move when the same patient comes under another scanner?

    OUTPUTS holds one row per unit and level: logits, probabilities or a score of the
    network, or with --head what enters its last layer (npy, npz, csv, parquet, feather,
    safetensors, pt, h5ad). METADATA describes the same rows.
    """
    out = options["out"]
    check_directory(out, INTERVENTION_FILES)
    head_files = [options["head"]] if options["head"] else []
    states = file_states([outputs, metadata, *head_files])
    with progress(options["quiet"]):
        with step("reading"):
            rows = read_outputs_of_units(outputs, metadata, options)
        found = run_intervention(options, rows)
        with step("hashes"):
            inputs = name_inputs(rows, None, head_files, states, "outputs")
    console = Console()
    print_intervention(console, found)
    paths = found.write(out, inputs)
    say_where(console, paths)


@wsca.command(cls=ListCommand, short_help="Does one network use a column more?")
@click.argument("outputs_a", type=FILE)
@click.argument("outputs_b", type=FILE)
@click.argument("metadata", type=FILE)
@comparison_options
@size_option
@permutation_options
@out_option("wsca-comparison", f"{REPORT}, {SUMMARY} and {RESULT}")
@quiet_option
@click.pass_context
def compare(
    ctx: click.Context,
    outputs_a: Path,
    outputs_b: Path,
    metadata: Path,
    **options: Any,
) -> None:
    """Does the second network use the metadata more, or less, than the first?

    OUTPUTS_A and OUTPUTS_B hold logits, probabilities or a score of two networks for
    the same samples, one row each, or with --head what enters their last layer (npy,
    npz, csv, parquet, feather, safetensors, pt, h5ad). METADATA describes these rows.

    Exit code 0: done. 2: bad input, with one line on standard error. 3: a column has a
    verdict of --fail-on.
    """
    out = options["out"]
    check_directory(out, COMPARISON_FILES)
    head_files = list(dict.fromkeys(options["head"]))
    states = file_states([outputs_a, outputs_b, metadata, *head_files])
    with progress(options["quiet"]):
        with step("reading"):
            rows, others = read_both(outputs_a, outputs_b, metadata, options)
        found = run_comparison(options, rows, others)
        with step("hashes"), refuse({}):
            inputs = name_inputs(rows, None, head_files, states, "first outputs")
            second = describe_file(outputs_b, others.X, states[outputs_b])
            inputs["second outputs"] = second
    console = Console()
    print_comparison(console, found)
    paths = found.write(out, inputs)
    say_where(console, paths)
    verdicts = {result.verdict.replace(" ", "-") for result in found.results.values()}
    if set(options["fail_on"]) & verdicts:
        ctx.exit(FOUND)


@wsca.command(cls=ListCommand, short_help="Erase a column, and prove that it helps.")
@click.argument("embeddings", type=FILE)
@click.argument("metadata", type=FILE)
@repair_options
@size_option
@permutation_options
@out_option(
    "wsca-repair",
    "the repaired head and embeddings, report.html, summary.csv, result.json",
)
@quiet_option
@click.pass_context
def repair(
    ctx: click.Context, embeddings: Path, metadata: Path, **options: Any
) -> None:
    """Erase columns from a network, and prove on other patients that it helps.

    EMBEDDINGS holds one row per image: what enters the last linear layer (npy, npz,
    csv, parquet, feather, safetensors, pt, h5ad). METADATA describes the same rows
    (csv, tsv, parquet, feather, xlsx, h5ad).

    Exit code 0: done. 2: bad input, with one line on standard error. 3: a column has a
    verdict of --fail-on.
    """
    check_repair_options(options)
    out = options["out"]
    check_directory(out, REPAIR_FILES)
    states = file_states(
        [embeddings, metadata, *(options["held_out"] or ()), options["head"]]
    )
    with progress(options["quiet"]):
        with step("reading"):
            rows, held_out = read_rows(embeddings, metadata, options)
            unsaid: list[str] = []
            if held_out is None:
                rows, held_out, unsaid = set_half_apart(rows, options)
        found = run_repair(options, rows, held_out, unsaid)
        with step("hashes"):
            inputs = name_inputs(rows, held_out, [options["head"]], states)
    print_repair(Console(), found, out)
    with progress(options["quiet"]), step("repair"):
        paths = found.write(out, inputs)
    say_where(Console(), paths)
    verdicts = {word.replace(" ", "-") for word in found.result.verdicts.values()}
    if set(options["fail_on"]) & verdicts:
        ctx.exit(FOUND)


@wsca.command(cls=ListCommand, short_help="What could be a shortcut, and be found?")
@click.argument("metadata", type=FILE)
@screen_options
@size_option
@permutation_options
@out_option("wsca-screen", f"{SCREEN_PAGE}, {SUMMARY}, {LEVELS}, {PAIRS} and {SCREEN}")
@quiet_option
def screen(metadata: Path, **options: Any) -> None:
    """Which columns could be shortcuts, and would an audit of these rows find them?

    METADATA describes the samples that an audit will have, one row each (csv, tsv,
    parquet, feather, xlsx, h5ad). No network is needed.
    """
    out = options["out"]
    check_directory(out, SCREEN_FILES)
    states = file_states([metadata])
    with progress(options["quiet"]):
        with step("reading"):
            table, notes = read_screened_table(metadata, options["max_size"])
        found = run_screen(options, table, metadata, notes)
        with step("hashes"), refuse({}):
            inputs = {"metadata": describe_file(metadata, table, states[metadata])}
    console = Console()
    print_screen(console, found.result)
    say_where(console, found.write(out, inputs, options["seed"]))


def audit_networks(
    networks: list[dict[str, Any]], metadata: Path, states: dict[Path, FileState]
) -> dict[str, tuple[Findings, list[dict[str, Any]]]]:
    """Findings and results of every network, one after the other."""
    first, audits = None, {}
    for name, options in zip(name_networks(networks), networks, strict=True):
        every = split_options(options)
        head_files = list(dict.fromkeys(own["head"] for own in every if own["head"]))
        with step("reading"):
            rows, held_out = read_rows(options["embeddings"], metadata, every[0])
            first = first or SameRows.of(rows)
            first.check(rows)
            analysis = make_analysis(every, options, rows)
        found = analyse(analysis, rows, held_out, head_files, options["sensitivity"])
        with step("hashes"):
            inputs = name_inputs(rows, held_out, head_files, states)
        audits[name] = found, found.results(inputs)
    return audits


def report(
    console: Console,
    found: Findings,
    results: list[dict[str, Any]],
    out: Path,
    quiet: bool,
) -> None:
    """Print the answers, write the files, and say where they are."""
    # First, so that a disk that is full by now does not cost the answers as well.
    for result in results:
        if len(results) > 1:
            name = printable(result["analysis"]["target"]["name"])
            console.print(Text(f"Target '{name}'", style="bold underline"), end="\n\n")
        print_result(console, result)
    with progress(quiet), step("report"):
        paths = found.write(out, results)
    say_where(console, paths)


def report_networks(
    console: Console,
    audits: dict[str, tuple[Findings, list[dict[str, Any]]]],
    out: Path,
    quiet: bool,
) -> None:
    """Print what several networks have in common, and write the files of all."""
    found = NetworkFindings.of(
        {name: own for name, (own, _) in audits.items()},
        {name: result for name, (_, (result,)) in audits.items()},
    )
    print_networks(console, found)
    with progress(quiet), step("report"):
        paths = found.write(out)
    say_where(console, paths)
