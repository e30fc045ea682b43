"""Rows that a command is given: read, set apart, and recognised by their hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sklearn_wsca._backend.file_rows import FileState
from sklearn_wsca._cli._errors import refuse
from sklearn_wsca._cli._inputs import (
    AuditRows,
    describe_file,
    read_audit_rows,
    with_names_of_both,
)


def read_rows(
    embeddings: Path, metadata: Path, options: dict[str, Any]
) -> tuple[AuditRows, AuditRows | None]:
    """Rows of the fit, and rows that are held out."""
    if options["held_out"] and options["held_out_rows"]:
        raise click.UsageError("--held-out and --held-out-rows exclude each other.")
    matching = {
        "id": options["id_column"],
        "unmatched": options["unmatched"],
        "key": options["embeddings_key"],
        "target": options["target"],
        "max_size": options["max_size"],
    }
    rows = read_audit_rows(embeddings, metadata, **matching)
    if options["held_out"]:
        return with_names_of_both(
            rows, read_audit_rows(*options["held_out"], **matching)
        )
    if options["held_out_rows"]:
        return rows.hold_out(options["held_out_rows"])
    return rows, None


def name_inputs(
    rows: AuditRows,
    held_out: AuditRows | None,
    head_files: list[Path],
    states: dict[Path, FileState],
    what: str = "embeddings",
) -> dict[str, str]:
    """What was read, with hashes by which it can be recognised.

    `states` are those of the files before they were read: they must be the same still.
    """
    files = {
        what: (rows.files["X"], rows.X),
        "metadata": (rows.files["y"], rows.metadata),
    }
    if held_out is not None and held_out.files != rows.files:
        files["held-out embeddings"] = held_out.files["X"], held_out.X
        files["held-out metadata"] = held_out.files["y"], held_out.metadata
    for number, path in enumerate(head_files, 1):
        files["head" if len(head_files) == 1 else f"head {number}"] = path, None
    with refuse({}):
        return {
            role: describe_file(path, content, states[path])
            for role, (path, content) in files.items()
        }
