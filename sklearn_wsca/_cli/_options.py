"""Options of the commands, by what they are about."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import reduce
from math import isfinite
from pathlib import Path
from typing import Any

import click

from sklearn_wsca._backend.memory_size import read_size
from sklearn_wsca._verdicts.registry import VERDICTS

FILE = click.Path(path_type=Path)

Decorator = Callable[[Any], Any]


class Finite(click.FloatRange):
    """Number in a range; neither infinite nor nan, which no range excludes."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """As a number."""
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            raise click.BadParameter(f"{value!r} is no finite number.")
        return number


POSITIVE = Finite(0, min_open=True)
LEVEL = Finite(0, 1, min_open=True, max_open=True)


class Components(click.ParamType):
    """Share of variance, number of directions, or "all"."""

    name = "share, number or all"

    def convert(self, value: Any, param: Any, ctx: Any) -> float | int | None:
        """As `n_components` of the estimator takes it."""
        text = str(value).strip()
        if text == "all":
            return None
        if text.isdecimal() and int(text) > 0:
            return int(text)
        with suppress(ValueError):
            if not text.isdecimal() and 0.0 < float(text) <= 1.0:
                return float(text)
        raise click.BadParameter(
            f"{text!r} is neither a share such as 0.99, nor a number of directions "
            "such as 50, nor all."
        )


class Size(click.ParamType):
    """Bytes in memory, with their unit."""

    name = "size"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | None:
        """As `max_size` of the readers takes it."""
        try:
            return read_size(value)
        except ValueError as error:
            raise click.BadParameter(
                f"{value!r} is no size with a unit, such as 8GB or 500MB."
            ) from error


class Workers(click.ParamType):
    """Number of workers."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """As `n_jobs` of the estimator takes it."""
        number = click.INT.convert(value, param, ctx)
        if number == 0:
            raise click.BadParameter(
                "0 workers do nothing; give their number, or -1 for all cores."
            )
        return number


def together(*options: Decorator) -> Decorator:
    """One decorator for several options, which help lists in this order."""
    return lambda command: reduce(lambda f, add: add(f), reversed(options), command)


def named(name: str, metavar: str | None, words: str, **settings: Any) -> Decorator:
    """Option with a name in capitals for its value, and its help."""
    return click.option(*name.split(), metavar=metavar, help=words, **settings)


def shown(name: str, default: Any, words: str, **settings: Any) -> Decorator:
    """Option whose default the help shows."""
    return click.option(
        name, default=default, show_default=True, help=words, **settings
    )


def columns(words: str, name: str = "--columns") -> Decorator:
    """Option that takes any number of columns."""
    return named(name, "COL...", words, multiple=True)


def two_files(metavar: str, words: str) -> Decorator:
    """Rows that the fit has not seen."""
    return named("--held-out", metavar, words, nargs=2, type=FILE)


def out_option(default: str, files: str) -> Decorator:
    """Directory of the files."""
    words = f"Directory for {files}."
    return shown("--out", Path(default), words, type=FILE, metavar="DIR")


permutation_options = together(
    shown(
        "--permutations",
        999,
        "Number of permutations per column.",
        type=click.IntRange(min=99),
    ),
    shown(
        "--seed",
        0,
        "Seed of permutations and folds; two runs with it write the same files.",
        type=click.IntRange(0, 2**32 - 1),
    ),
)

groups_option = named(
    "--groups",
    "COL",
    "Column of the patient, or whatever is independent of others of its kind.",
)

TARGET = "Column that the network decides."
HEAD = (
    "Trained last layer: npz, npy, safetensors, pt or csv. Without it a linear head is "
    "fitted to the target, and the answers are about that one."
)
HEAD_KEY = "Name of the weights in the file of --head."

classes_option = named(
    "--classes",
    "NAME...",
    "Class of each row of --head, in order; needed where that is not the sorted order "
    "of the target's levels.",
    multiple=True,
)

head_options = together(
    named("--target", "COL", TARGET, required=True),
    named("--head", "FILE", HEAD, type=FILE),
    named("--head-key", "NAME", HEAD_KEY),
    classes_option,
)

network_option = named(
    "--network",
    "EMBEDDINGS HEAD",
    "Another seed or fold of the network: its embeddings of the same rows, and its "
    "trained last layer; repeatable. The answers for each stand in a folder of its "
    "own, and their means and standard deviations beside the folders.",
    nargs=2,
    type=FILE,
    multiple=True,
)

# Once, or once for each target.
target_options = together(
    named(
        "--target",
        "COL",
        f"{TARGET} Repeatable: the answers for each target stand in a folder of its "
        "own, with one correction over all.",
        required=True,
        multiple=True,
    ),
    named(
        "--head",
        "FILE",
        f"{HEAD} With several targets once for all, or once for each, in their order; "
        "so are --head-key and --output.",
        type=FILE,
        multiple=True,
    ),
    named("--head-key", "NAME", HEAD_KEY, multiple=True),
    classes_option,
    named(
        "--output",
        "NAME",
        "Output of --head that stands for the target, by its class or number: of a "
        "head that decides several things. With several targets it is the one that "
        "has the name of the target.",
        multiple=True,
    ),
)

size_option = named(
    "--max-size",
    "SIZE",
    "Memory that the content of one file may take, such as 8GB; by default half of the "
    "memory at hand. Files .npy are read from disk and not counted.",
    type=Size(),
)

quiet_option = click.option(
    "--quiet", is_flag=True, help="No progress on standard error; notes still are."
)

check_option = click.option(
    "--no-check-head",
    is_flag=True,
    help="Go on where the head cannot be that of the target and the rows: other "
    "classes, or a performance below chance or below that of another order of the "
    "classes.",
)

chosen_options = (
    groups_option,
    columns("Columns to hold fixed together with the target.", "--confounders"),
    columns("Columns to analyse; all by default."),
    named(
        "--combine",
        "COL COL",
        "Analyse the combined levels of two columns too; repeatable.",
        multiple=True,
        nargs=2,
    ),
)
kind_options = (
    columns("Columns of numbers that are codes of categories.", "--categorical"),
    columns("Columns of few integers that are quantities.", "--continuous"),
    click.option(
        "--bins",
        type=click.IntRange(min=2),
        help="Cut continuous columns into so many classes.",
    ),
    shown(
        "--binning",
        "quantile",
        "Where --bins cuts: into classes of equal numbers of rows, or of equal width.",
        type=click.Choice(["quantile", "uniform"]),
    ),
)

column_options = together(
    *chosen_options,
    named(
        "--interaction",
        "COL COL",
        "Examine what two columns do together beyond what each does alone; repeatable.",
        multiple=True,
        nargs=2,
    ),
    *kind_options,
)

matching_options = (
    named(
        "--id id_column",
        "COL",
        "Column of both files by which rows are matched. Without it row i of one file "
        "describes row i of the other.",
    ),
    shown(
        "--unmatched",
        "error",
        "What to do with ids that only one file has.",
        type=click.Choice(["error", "drop"]),
    ),
)

row_options = together(
    two_files(
        "EMBEDDINGS METADATA",
        "Two files with other rows, which are judged instead of those of the fit.",
    ),
    named(
        "--held-out-rows",
        "COL=VALUE",
        "Judge the rows with this value, such as split=test; fit on the others.",
    ),
    click.option(
        "--rows-are-held-out",
        is_flag=True,
        help="The network has not seen the rows of the fit: they may show that a "
        "column is not used.",
    ),
    *matching_options,
    named(
        "--embeddings-key",
        "NAME",
        "Name of the embeddings, where a file holds several arrays.",
    ),
)

method_options = together(
    click.option(
        "--adjust-for-target",
        is_flag=True,
        help="Compare heads at equal rates of the target.",
    ),
    shown(
        "--adjustment",
        "spline",
        "How a continuous target and continuous confounders are held fixed, and a "
        "continuous column may move the output: along a curve or a straight line.",
        type=click.Choice(["spline", "linear"]),
    ),
    shown(
        "--C",
        1.0,
        "Inverse penalty of logistic heads.",
        type=POSITIVE,
    ),
    shown("--alpha", 1.0, "Penalty of ridge heads.", type=POSITIVE),
    shown(
        "--n-components",
        "0.99",
        "Share of the variance that the principal subspace explains (with a point), "
        "its number of directions, or all.",
        type=Components(),
        metavar="NUMBER",
    ),
    shown(
        "--min-effect",
        0.1,
        "Utilization that matters, in standard deviations of the outputs.",
        type=Finite(0),
    ),
    shown("--significance", 0.05, "Level of the verdicts.", type=LEVEL),
    click.option(
        "--sensitivity/--no-sensitivity",
        default=None,
        help="Plot alignment against the number of components; by default where the "
        "embeddings are at most 50 million numbers.",
    ),
    shown(
        "--jobs",
        -1,
        "Number of workers, such as 4; -1 for all cores, -2 for all but one. The "
        "answers do not depend on it.",
        type=Workers(),
        metavar="NUMBER",
    ),
    click.option(
        "--fail-on",
        multiple=True,
        type=click.Choice(list(VERDICTS)),
        help="End with exit code 3 if a column has this verdict; repeatable.",
    ),
)
