"""Options of the commands, by what they are about."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import click

from sklearn_wsca._verdict import VERDICTS

FILE = click.Path(path_type=Path)
LEVEL = click.FloatRange(0, 1, min_open=True, max_open=True)

Decorator = Callable[[Any], Any]


def together(*options: Decorator) -> Decorator:
    """One decorator for several options, which help lists in this order."""
    return lambda command: reduce(lambda f, add: add(f), reversed(options), command)


def out_option(default: str) -> Decorator:
    """Directory of the files."""
    return click.option(
        "--out",
        type=FILE,
        default=Path(default),
        show_default=True,
        metavar="DIR",
        help="Directory for report.html, summary.csv and result.json.",
    )


permutation_options = together(
    click.option(
        "--permutations",
        default=999,
        show_default=True,
        type=click.IntRange(min=99),
        help="Number of permutations per column.",
    ),
    click.option(
        "--seed",
        default=0,
        show_default=True,
        type=click.IntRange(0, 2**32 - 1),
        help="Seed of permutations and folds; two runs with it write the same files.",
    ),
)

groups_option = click.option(
    "--groups",
    metavar="COL",
    help="Column of the patient, or whatever is independent of others of its kind.",
)

head_options = together(
    click.option(
        "--target",
        required=True,
        metavar="COL",
        help="Column that the network decides.",
    ),
    click.option(
        "--head",
        type=FILE,
        metavar="FILE",
        help="Trained last layer: npz, npy, safetensors, pt or csv. Without it a "
        "linear head is fitted to the target, and the answers are about that one.",
    ),
    click.option(
        "--head-key", metavar="NAME", help="Name of the weights in the file of --head."
    ),
    click.option(
        "--classes",
        multiple=True,
        metavar="NAME...",
        help="Class of each row of --head, in order; needed where that is not the "
        "sorted order of the target's levels.",
    ),
)

column_options = together(
    groups_option,
    click.option(
        "--confounders",
        multiple=True,
        metavar="COL...",
        help="Columns to hold fixed besides the target.",
    ),
    click.option(
        "--columns",
        multiple=True,
        metavar="COL...",
        help="Columns to analyse; all by default.",
    ),
    click.option(
        "--combine",
        multiple=True,
        nargs=2,
        metavar="COL COL",
        help="Analyse the combined levels of two columns too; repeatable.",
    ),
    click.option(
        "--bins",
        type=click.IntRange(min=2),
        help="Cut numbers into so many classes of equal size.",
    ),
)

row_options = together(
    click.option(
        "--held-out",
        nargs=2,
        type=FILE,
        metavar="EMBEDDINGS METADATA",
        help="Two files with other rows, which are judged instead of those of the fit.",
    ),
    click.option(
        "--held-out-rows",
        metavar="COL=VALUE",
        help="Judge the rows with this value, such as split=test; fit on the others.",
    ),
    click.option(
        "--id",
        "id_column",
        metavar="COL",
        help="Column of both files by which rows are matched. Without it row i of one "
        "file describes row i of the other.",
    ),
    click.option(
        "--unmatched",
        type=click.Choice(["error", "drop"]),
        default="error",
        show_default=True,
        help="What to do with ids that only one file has.",
    ),
    click.option(
        "--embeddings-key",
        metavar="NAME",
        help="Name of the embeddings, where a file holds several arrays.",
    ),
)

method_options = together(
    click.option(
        "--adjust-for-target",
        is_flag=True,
        help="Compare heads at equal rates of the target.",
    ),
    click.option(
        "--min-effect",
        default=0.1,
        show_default=True,
        type=click.FloatRange(min=0),
        help="Utilization that matters, in standard deviations of the outputs.",
    ),
    click.option(
        "--significance",
        default=0.05,
        show_default=True,
        type=LEVEL,
        help="Level of the verdicts.",
    ),
    click.option(
        "--sensitivity/--no-sensitivity",
        default=None,
        help="Plot alignment against the number of components; by default where the "
        "embeddings are at most 50 million numbers.",
    ),
    click.option(
        "--jobs", type=int, help="Number of workers; the answers do not depend on it."
    ),
    click.option(
        "--fail-on",
        multiple=True,
        type=click.Choice(list(VERDICTS)),
        help="End with exit code 3 if a column has this verdict; repeatable.",
    ),
)

feature_options = together(
    groups_option,
    click.option(
        "--columns",
        multiple=True,
        metavar="COL...",
        help="Columns between whose levels features are compared; all by default.",
    ),
    click.option(
        "--held-out",
        nargs=2,
        type=FILE,
        metavar="MAPS METADATA",
        help="Two files with other samples, which are compared with those of the fit.",
    ),
    click.option(
        "--maps-key",
        metavar="NAME",
        help="Name of the maps, where a file holds several arrays.",
    ),
    click.option(
        "--ratio",
        default=0.25,
        show_default=True,
        type=click.FloatRange(0, 1, min_open=True),
        help="Share of the features that count as principal ones.",
    ),
    click.option(
        "--ranking",
        type=click.Choice(["difference", "importance"]),
        default="difference",
        show_default=True,
        help="By what features are ranked.",
    ),
    click.option(
        "--scale",
        type=click.Choice(["linear", "tanh"]),
        default="linear",
        show_default=True,
        help="How maps are brought to the common scale.",
    ),
)
