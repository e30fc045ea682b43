"""Messages of the library, which name arguments, as users of the command type them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

OPTIONS = {
    "outputs_a": "OUTPUTS_A",
    "outputs_b": "OUTPUTS_B",
    "target": "--target",
    "target_head": "--head",
    "head": "--head",
    "target_output": "--output",
    "classes": "--classes",
    "columns": "--columns",
    "interactions": "--interaction",
    "confounders": "--confounders",
    "groups": "--groups",
    "level": "--level",
    "unit": "--unit",
    "repeats": "--repeats",
    "id": "--id",
    "unmatched": "--unmatched",
    "adjustment": "--adjustment",
    "method": "--method",
    "n_bins": "--bins",
    "binning": "--binning",
    "C": "--C",
    "alpha": "--alpha",
    "n_components": "--n-components",
    "n_permutations": "--permutations",
    "min_effect": "--min-effect",
    "significance": "--significance",
    "random_state": "--seed",
    "auroc": "--auroc",
    "intraclass_correlation": "--intraclass-correlation",
    "n_jobs": "--jobs",
    "images": "--images",
    "ratio": "--ratio",
    "ranking": "--ranking",
    "weighting": "--weighting",
    "scale": "--scale",
    "max_size": "--max-size",
}
# Arguments with a single other value have options without any.
FLAGS = {
    "adjust_for_target=True": "--adjust-for-target",
    "held_out=True": "--rows-are-held-out",
    "check_head=False": "--no-check-head",
}
# Arguments that cannot be taken for a word, wherever they stand without a value.
UNMISTAKABLE = tuple(name for name in OPTIONS if "_" in name)
# Words that say both already, and what remains of them.
BOTH = (
    (
        r"pass repeats, the number of the scan,",
        "name the column with the number of the scan in --repeats",
    ),
    (r", with the patient as groups", ", with the patient in --groups"),
    (r"[\w']+=[^ ]+ \(on the command line: (--[^)]+)\)", r"\1"),
    (r"kinds=\{.*?\} \((--(?:categorical|continuous) [^)]*)\)", r"\1"),
    (r"kinds=\{'([^']*)': '(categorical|continuous)'\}", r"--\2 \1"),
    (r"[\w']+=\w+ \((--[\w-]+)\)", r"\1"),
    (r"\((--[\w-]+); \w+=\w+\)", r"(\1)"),
    (r"\bin groups \(--groups\)", "with --groups"),
    (r"\b(?:target_output|id|groups|max_size) \((--[\w-]+)\)", r"\1"),
    (r"\bin groups\b", "with --groups"),
    (r" \(in a Pipeline: Head\.behind\(step\)\)", ""),
    (
        r"Head\(coef, intercept, classes=\.\.\.\)"
        r"( or head_from_module\(\.\.\., classes=\.\.\.\))?",
        "--classes",
    ),
    (r"id=\.\.\. of load_embeddings and load_metadata, and match_rows", "--id"),
    (r"^kinds: ", ""),
    (r"^kinds\['([^']*)'\]", r"column '\1'"),
    (r"^(?:[Xy]|table): ", ""),
    (
        r"text: convert them with pd\.to_numeric",
        "text: name the column in --continuous",
    ),
    (r"convert (it|them) with pd\.to_numeric", r"write \1 as numbers"),
    (r"convert (it|them) with pd\.to_datetime", r"write \1 as 2026-01-31"),
    (r", for example by \.astype\(str\)", ""),
)
VALUE = r"""'[^']*'|"[^"]*"|\[[^\]]*\]|(?!\.\.\.)[\w.+-]+"""


def as_typed(message: str, key: str = "") -> str:
    """Message with the options of the command in place of arguments.

    Parameters
    ----------
    message : str
        What the library says.
    key : str
        Option that the argument `key` stands for, such as --head-key.
    """
    options = OPTIONS | ({"key": key} if key else {})
    for pattern, replacement in BOTH:
        message = re.sub(pattern, replacement, message)
    for flag, option in FLAGS.items():
        message = message.replace(flag, option)
    names = "|".join(map(re.escape, options))
    message = re.sub(rf"^({names}): ", lambda m: f"{options[m[1]]}: ", message)
    message = re.sub(
        rf"(?<![\w'\".\[-])({names})=({VALUE})", lambda m: _typed(m, options), message
    )
    message = re.sub(
        rf"(?<![\w'\".=\[(-])({'|'.join(UNMISTAKABLE)})(?![\w'\"=(\[\]])",
        lambda m: options[m[1]],
        message,
    )
    # The two that files are read by are mentioned in words too.
    spoken = [name for name in ("id", "key") if name in options]
    return re.sub(
        rf"\b(with|as|out|to) ({'|'.join(spoken)})\b(?!=)",
        lambda m: f"{m[1]} {options[m[2]]}",
        message,
    )


def _typed(match: re.Match[str], options: Mapping[str, str]) -> str:
    """Option with its value, quoted for the shell where it must be."""
    name, value = match[1], match[2]
    if value.startswith("["):
        values = re.findall(r"'([^']*)'", value) or [value.strip("[]")]
        return " ".join([options[name], *map(shlex.quote, values)])
    return f"{options[name]} {shlex.quote(value.strip(chr(39) + chr(34)))}"
