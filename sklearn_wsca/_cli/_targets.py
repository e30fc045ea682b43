"""One target on the command line or several, each with its head and its folder."""

from __future__ import annotations

import re
from typing import Any

from sklearn_wsca._cli._errors import InputError
from sklearn_wsca._cli._inputs import AuditRows, read_trained_head
from sklearn_wsca._text import plain_text

PER_TARGET = ("head", "head_key", "output")
UNSAFE = re.compile(r"[^\w.-]+")
LONGEST_FOLDER = 100


def split_options(options: dict[str, Any]) -> list[dict[str, Any]]:
    """Options of every target, in which each has its own head.

    Raises
    ------
    InputError
        If a target is named twice, or an option is given neither once nor once for
        each target.
    """
    targets = options["target"]
    if len(set(targets)) < len(targets):
        raise InputError(f"--target: a name occurs twice in {list(targets)}.")
    own = {name: _per_target(options[name], targets, name) for name in PER_TARGET}
    if (
        options["classes"]
        and len(set(zip(own["head"], own["head_key"], strict=True))) > 1
    ):
        raise InputError(
            "--classes names the rows of one head, and there are several; save the "
            "classes with each head (npz with classes)."
        )
    return [
        options | {"target": target} | {name: own[name][i] for name in PER_TARGET}
        for i, target in enumerate(targets)
    ]


def _per_target(values: tuple, targets: tuple, name: str) -> list:
    """Value of an option for every target; None where it is not given."""
    option = f"--{name.replace('_', '-')}"
    once_for_all = name != "output" or len(targets) == 1
    if len(values) == 1 and once_for_all:
        return [*values] * len(targets)
    if values and len(values) != len(targets):
        either = "once, or " if once_for_all and len(targets) > 1 else ""
        wanted = f"{either}once for each target" if len(targets) > 1 else "once"
        seeds = ". Other seeds of the network: --network EMBEDDINGS HEAD"
        raise InputError(
            f"{option} is given {len(values)} times, and --target {len(targets)} "
            f"times; give {option} {wanted}, in the order of the targets"
            f"{seeds if name == 'head' and len(targets) == 1 else ''}."
        )
    return [*values] or [None] * len(targets)


def read_heads(every: list[dict[str, Any]], rows: AuditRows) -> Any:
    """Read the head of the only target, the common one of several, or a dict."""
    sources = {(own["head"], own["head_key"]) for own in every}
    if len(every) == 1 or len(sources) == 1:
        return read_trained_head(every[0], rows, several=len(every) > 1)
    return {own["target"]: read_trained_head(own, rows) for own in every}


def choose_outputs(every: list[dict[str, Any]]) -> Any:
    """Output of the only target, or a dict of several; None where none is named."""
    outputs = {own["target"]: own["output"] for own in every}
    if len(every) == 1 or None in outputs.values():
        return every[0]["output"]
    return outputs


def name_folders(targets: list) -> dict[Any, str]:
    """Folder of every target: its name, as far as it can be one."""
    folders: dict[Any, str] = {}
    taken = set()
    for number, target in enumerate(targets, 1):
        name = UNSAFE.sub("_", plain_text(target)).strip(".")[:LONGEST_FOLDER]
        # Some file systems do not tell capitals from small letters.
        if not name or name.casefold() in taken:
            name = f"{name or 'target'}_{number}"
        taken.add(name.casefold())
        folders[target] = name
    return folders
