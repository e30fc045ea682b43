"""Options that one command has: intervene, features, repair, compare, screen."""

from __future__ import annotations

import click

from sklearn_wsca._cli._options import (
    FILE,
    HEAD_KEY,
    LEVEL,
    TARGET,
    Finite,
    check_option,
    chosen_options,
    classes_option,
    columns,
    groups_option,
    kind_options,
    matching_options,
    named,
    shown,
    together,
    two_files,
)
from sklearn_wsca._comparison.result import COMPARISON_VERDICTS
from sklearn_wsca._repair.result import REPAIR_VERDICTS

intervention_options = together(
    named(
        "--unit",
        "COL",
        "Column of what is the same under every level: the patient, phantom or image.",
        required=True,
    ),
    named(
        "--level",
        "COL",
        "Column of what it came under, such as the scanner.",
        required=True,
    ),
    named(
        "--target",
        "COL",
        "Column that the network decides: means are those of its classes.",
    ),
    named(
        "--repeats",
        "COL",
        "Column with the number of the repeat, where a unit comes several times under "
        "a level; their noise is then removed.",
    ),
    named(
        "--groups",
        "COL",
        "Column of what units belong to if they are not independent, such as the "
        "patient of several images.",
    ),
    named(
        "--head",
        "FILE",
        "Trained last layer, if OUTPUTS holds what enters it: npz, npy, safetensors, "
        "pt or csv.",
        type=FILE,
    ),
    named("--head-key", "NAME", HEAD_KEY),
    named(
        "--outputs-key",
        "NAME",
        "Name of the outputs, where a file holds several arrays.",
    ),
    *matching_options,
    shown("--significance", 0.05, "One minus the level of the intervals.", type=LEVEL),
)

feature_options = together(
    groups_option,
    columns("Columns between whose levels features are compared; all by default."),
    two_files(
        "MAPS METADATA",
        "Two files with other samples, which are compared with those of the fit.",
    ),
    named("--maps-key", "NAME", "Name of the maps, where a file holds several arrays."),
    named(
        "--outputs",
        "FILE",
        "Logits of the network itself for the samples of MAPS, with which maps are "
        "compared.",
        type=FILE,
    ),
    named(
        "--images",
        "PATH",
        "Images that the maps are drawn over: npy with one for each sample, or a "
        "folder of pictures or of volumes (NIfTI), matched by the column of METADATA "
        "that names them.",
        type=FILE,
    ),
    named(
        "--image-column",
        "COLUMN",
        "Column of METADATA that names the files of the folder in --images, where "
        "several do.",
    ),
    named(
        "--show-classes",
        "NAME...",
        "Classes whose features are listed; the five most frequent ones by default.",
        multiple=True,
    ),
    shown(
        "--ratio",
        0.25,
        "Share of the features that count as principal ones.",
        type=Finite(0, 1, min_open=True),
    ),
    shown(
        "--ranking",
        "difference",
        "By what features are ranked.",
        type=click.Choice(["difference", "importance", "largest", "frequency"]),
    ),
    shown(
        "--weighting",
        "equal",
        "Whether samples count alike in the importance, or by the probability of their "
        "class.",
        type=click.Choice(["equal", "confidence"]),
    ),
    shown(
        "--scale",
        "linear",
        "How maps are brought to the common scale.",
        type=click.Choice(["linear", "tanh"]),
    ),
)

repair_options = together(
    named("--target", "COL", f"{TARGET} It is held fixed.", required=True),
    named(
        "--columns --column",
        "COL...",
        "Columns that the network must not use: they are erased.",
        multiple=True,
        required=True,
    ),
    named(
        "--head",
        "FILE",
        "Trained last layer: npz, npy, safetensors, pt or csv.",
        type=FILE,
        required=True,
    ),
    named("--head-key", "NAME", HEAD_KEY),
    classes_option,
    check_option,
    groups_option,
    columns("Columns of numbers that are codes of categories.", "--categorical"),
    columns("Columns of few integers that are quantities.", "--continuous"),
    shown(
        "--method",
        "linear",
        "What is erased: what a linear function can read, or also the covariance of "
        "the levels; the latter takes the level of every row, and gives embeddings "
        "only.",
        type=click.Choice(["linear", "quadratic"]),
    ),
    click.option(
        "--head-only",
        is_flag=True,
        help="Write the repaired head and no repaired embeddings.",
    ),
    two_files(
        "EMBEDDINGS METADATA",
        "Two files with other rows, on which the repair is proved; it is fitted on all "
        "rows of the first two.",
    ),
    named(
        "--held-out-rows",
        "COL=VALUE",
        "Prove the repair on the rows with this value, such as split=test; fit it on "
        "the others. Without this and --held-out, it is proved on a random half of "
        "the patients.",
    ),
    *matching_options,
    named(
        "--embeddings-key",
        "NAME",
        "Name of the embeddings, where a file holds several arrays.",
    ),
    shown(
        "--min-effect",
        0.1,
        "Utilization that matters, in standard deviations of the outputs.",
        type=Finite(0, min_open=True),
    ),
    shown(
        "--significance",
        0.05,
        "One minus the level of the intervals.",
        type=Finite(0, 0.5, min_open=True, max_open=True),
    ),
    click.option(
        "--fail-on",
        multiple=True,
        type=click.Choice([word.replace(" ", "-") for word in REPAIR_VERDICTS]),
        help="End with exit code 3 if this is the verdict for a column; repeatable.",
    ),
)

comparison_options = together(
    named("--target", "COL", "Column that both networks decide.", required=True),
    named(
        "--head",
        "FILE",
        "Trained last layer, if the files hold what enters it: once for both networks, "
        "or once for each, in their order; so is --head-key.",
        type=FILE,
        multiple=True,
    ),
    named("--head-key", "NAME", HEAD_KEY, multiple=True),
    groups_option,
    columns("Columns to hold fixed together with the target.", "--confounders"),
    columns("Columns to compare the networks by; all that can be by default."),
    columns("Columns of numbers that are codes of categories.", "--categorical"),
    columns("Columns of few integers that are quantities.", "--continuous"),
    named(
        "--id id_column",
        "COL",
        "Column of all files by which rows are matched. Without it row i of each file "
        "is the same sample.",
    ),
    shown(
        "--unmatched",
        "error",
        "What to do with ids that not all files have.",
        type=click.Choice(["error", "drop"]),
    ),
    named(
        "--outputs-key",
        "NAME",
        "Name of the outputs, where a file holds several arrays.",
    ),
    shown(
        "--adjustment",
        "spline",
        "How what is continuous is held fixed, and may move the outputs: along a curve "
        "or a straight line.",
        type=click.Choice(["spline", "linear"]),
    ),
    shown(
        "--min-effect",
        0.1,
        "Difference of the utilizations that matters.",
        type=Finite(0),
    ),
    shown(
        "--significance",
        0.05,
        "Level of the verdicts.",
        type=Finite(0, 0.5, min_open=True, max_open=True),
    ),
    click.option(
        "--fail-on",
        multiple=True,
        type=click.Choice([word.replace(" ", "-") for word in COMPARISON_VERDICTS]),
        help="End with exit code 3 if the second network has this verdict for a "
        "column; repeatable.",
    ),
)

screen_options = together(
    named("--target", "COL", "Column that the network will predict.", required=True),
    *chosen_options,
    *kind_options,
    shown(
        "--adjustment",
        "spline",
        "How the audit will hold fixed what is continuous: by a curve or a straight "
        "line.",
        type=click.Choice(["spline", "linear"]),
    ),
    shown(
        "--auroc",
        0.9,
        "How well the network is assumed to tell the classes of the target.",
        type=Finite(0.5, 1, max_open=True),
    ),
    shown(
        "--intraclass-correlation",
        0.5,
        "How alike the outputs of one group are assumed to be: 0 not at all, 1 the "
        "same.",
        type=Finite(0, 1),
    ),
    shown(
        "--min-effect",
        0.1,
        "Utilization that matters, in standard deviations of the outputs.",
        type=Finite(0),
    ),
    shown("--significance", 0.05, "Level of the audit.", type=LEVEL),
)
