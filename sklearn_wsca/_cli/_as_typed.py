"""Arguments that a message names, as they are typed on the command line."""

from __future__ import annotations

import ast
import re
import shlex

OPTIONS = {
    "columns": "--columns",
    "confounders": "--confounders",
    "groups": "--groups",
}
ARGUMENT = re.compile(
    rf"\b({'|'.join(OPTIONS)})=("
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\[[^\]]*\])"""
)


def as_typed(message: str) -> str:
    """Message in which ``groups='patient'`` is ``--groups patient``."""
    return ARGUMENT.sub(_option, message)


def _option(match: re.Match) -> str:
    try:
        value = ast.literal_eval(match[2])
    except (SyntaxError, ValueError):
        return match[0]
    values = value if isinstance(value, list) else [value]
    return f"{OPTIONS[match[1]]} {shlex.join(map(str, values))}"
