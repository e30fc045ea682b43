"""Files named on the command line -> arrays and tables, row by row alike."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from sklearn_wsca._backend.file_rows import (
    FileArray,
    FileChangedError,
    FileSource,
    FileState,
    take_rows,
)
from sklearn_wsca._cli._errors import InputError, refuse
from sklearn_wsca._cli._file_order import check_order, explain_order, explain_width
from sklearn_wsca._cli._notes import collect_warnings, say
from sklearn_wsca._heads.classes import MOST_NAMED
from sklearn_wsca._heads.given import read_head
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.column import FEWEST_LEVEL_ROWS
from sklearn_wsca._input.embeddings import rows_per_read
from sklearn_wsca._input.persons import find_names
from sklearn_wsca._text import list_first, list_names, suggest
from sklearn_wsca.io import load_embeddings, load_head, load_metadata, match_rows


@dataclass(frozen=True)
class AuditRows:
    """Embeddings and metadata of the same rows.

    Parameters
    ----------
    X : array or DataFrame of shape (n_samples, n_features)
        Embeddings.
    metadata : DataFrame
        Row i describes row i of X.
    files : dict of str to Path
        Where they come from, by argument of the estimator.
    notes : list of str
        What a reader must know about the reading.
    weights : ndarray of shape (n_samples,) or None
        0 for rows that are left to somebody else.
    """

    X: Any
    metadata: pd.DataFrame
    files: dict[str, Path]
    notes: list[str] = field(default_factory=list)
    weights: np.ndarray | None = None

    def hold_out(self, condition: str) -> tuple[AuditRows, AuditRows]:
        """Split by ``COLUMN=VALUE``: the other rows, and those that have the value."""
        name, separator, value = condition.partition("=")
        if not separator or name not in self.metadata.columns:
            raise InputError(
                f"--held-out-rows: {condition!r} is no COLUMN=VALUE with a column of "
                f"{self.files['y']}; its columns are {list(self.metadata.columns)}."
            )
        held_out = (self.metadata[name].astype(str) == value).to_numpy()
        if not held_out.any() or held_out.all():
            found = self.metadata[name].astype(str).unique()[:5].tolist()
            raise InputError(
                f"--held-out-rows: {value!r} is the value of {held_out.sum()} of "
                f"{len(held_out)} rows in column {name!r} of {self.files['y']}; some "
                f"rows must have it and some not. It holds {found}."
            )
        rest = replace(self, metadata=self.metadata.drop(columns=name))
        return rest.set_apart(held_out)

    def set_apart(self, held_out: np.ndarray) -> tuple[AuditRows, AuditRows]:
        """Rows with others of weight 0, and these others, by a mask (n_samples,)."""
        if hasattr(self.X, "iloc"):
            X = self.X.iloc[held_out]
        else:
            X = take_rows(self.X, held_out, rows_per_read(self.X.shape[1]))
        # Rows of weight 0 count as absent, and a memory map is not copied.
        fitted = replace(self, weights=1.0 - held_out)
        return fitted, replace(self, X=X, metadata=self.metadata[held_out], notes=[])


def read_audit_rows(
    embeddings: Path,
    metadata: Path,
    *,
    id: str | None = None,
    unmatched: Literal["error", "drop"] = "error",
    key: str | None = None,
    target: str,
    max_size: int | None = None,
    key_option: str = "--embeddings-key",
    scores: bool = False,
) -> AuditRows:
    """Read two files that describe the same rows, and match them; see `match_rows`.

    With `scores` the first may hold a single number for each row.
    """
    warned: list[str] = []
    with explain_order(embeddings, metadata, target, max_size):
        with refuse({"y": embeddings}, key_option), collect_warnings(warned):
            X = load_embeddings(
                embeddings,
                key=key,
                id=id,
                feature_names=True,
                scores=scores,
                max_size=max_size,
            )
        with refuse({"y": metadata}), collect_warnings(warned):
            table = load_metadata(metadata, id=id, max_size=max_size)
            names = (str(embeddings), str(metadata))
            X, table, notes = match_rows(X, table, unmatched=unmatched, names=names)
    if target not in table.columns or target in getattr(X, "columns", ()):
        check_order(embeddings, metadata, target, max_size)
    for note in notes:
        say(note)
    return AuditRows(X, table, {"X": embeddings, "y": metadata}, warned + notes)


def with_names_of_both(
    rows: AuditRows, others: AuditRows
) -> tuple[AuditRows, AuditRows]:
    """Return both; features keep their names only if all files have them."""
    named = [hasattr(part.X, "columns") for part in (rows, others)]
    if all(named):
        return rows, others
    both = [
        replace(part, X=part.X.to_numpy()) if has else part
        for part, has in zip((rows, others), named, strict=True)
    ]
    return both[0], both[1]


def make_outputs(
    rows: AuditRows, head: Path | None, key: str | None, options: dict[str, Any]
) -> Any:
    """What a file of outputs holds, or what a head makes of the embeddings in it.

    Outputs of a head that names its classes have their names.
    """
    if head is None:
        return rows.X
    X = rows.X.to_numpy() if hasattr(rows.X, "to_numpy") else np.asarray(rows.X)
    own = {"head": head, "head_key": key, "classes": ()}
    source = read_trained_head(options | own, rows)
    with refuse({"y": head}, "--head-key"):
        read = read_head(
            source, argument="target_head", n_features=X.shape[1], levels=None
        )
    outputs = read.outputs(X)
    if read.classes is None or len(read.classes) != outputs.shape[1]:
        return outputs
    return pd.DataFrame(outputs, rows.metadata.index, list(map(str, read.classes)))


def read_trained_head(
    options: dict[str, Any], rows: AuditRows, several: bool = False
) -> Any:
    """Head of the network, with the names of its classes where they are given.

    Those of a head of several targets are the names of its outputs.
    """
    path, classes = options["head"], options["classes"]
    if path is None:
        if classes:
            raise InputError("--classes names the rows of a head: give --head too.")
        return None
    n_features = rows.X.shape[1]
    key, max_size = options["head_key"], options["max_size"]
    explained = explain_width(path, key, rows.X, rows.metadata, max_size)
    with explained, refuse({"y": path}, "--head-key"):
        source = load_head(path, key=key, n_features=n_features, max_size=max_size)
        if not classes:
            return source
        head = read_head(
            source, argument="target_head", n_features=n_features, levels=None
        )
    named = name_classes(head, classes, rows, options["target"])
    chosen = several or options.get("output") is not None
    if not options.get("no_check_head") and not chosen:
        switch = "no_check_head" in options
        check_names(named.classes or (), rows, options["target"], switch)
    return named


def check_names(classes: tuple, rows: AuditRows, target: str, switch: bool) -> None:
    """Raise if a level of the target is none of the classes named."""
    if target not in rows.metadata.columns:
        return
    counts = rows.metadata[target].value_counts()
    levels = counts.index[counts >= FEWEST_LEVEL_ROWS].sort_values().tolist()
    unknown = [level for level in levels if level not in classes]
    if not unknown:
        return
    near = suggest(unknown[0], [c for c in classes if c not in levels])
    if target in classes:
        near += f"; if they are findings or tasks, choose one: --output {target!r}"
    go_on = " To go on all the same: --no-check-head." if switch else ""
    raise InputError(
        f"--classes: {list_first(classes, MOST_NAMED)} are named, and the target "
        f"{target!r} has the levels {list_first(levels, MOST_NAMED)}; {unknown[0]!r} "
        f"is none of the classes{near}. Name the class of each row of the head, in "
        f"order; rows of levels that it does not know must be missing in {target!r}."
        f"{go_on}"
    )


def name_classes(
    head: Head, classes: tuple[str, ...], rows: AuditRows, target: str
) -> Head:
    """Give the head the levels of the target that are written like `classes`."""
    expected = 2 if head.n_rows == 1 else head.n_rows
    if len(classes) != expected:
        raise InputError(
            f"--classes: {len(classes)} names, but the head has {head.n_rows} rows, "
            f"which takes {expected}; name the class of each row in order (of a single "
            "row: first the class that it speaks against)."
        )
    levels = []
    if target in rows.metadata.columns:
        levels = rows.metadata[target].dropna().unique().tolist()
    by_text = {str(level): level for level in levels}
    named = tuple(by_text.get(name, name) for name in classes)
    return replace(head, classes=named, kind="logistic")


def file_states(paths: Iterable[Any]) -> dict[Path, FileState]:
    """State of the files that are about to be read; of those that there are."""
    states = {}
    for path in filter(None, paths):
        # Readers say what is wrong with the others.
        with suppress(OSError, ValueError):
            states[path] = FileState.of(path)
    return states


def describe_file(path: Path, content: Any, state: FileState) -> str:
    """Name of a file and the hash of its content.

    Raises
    ------
    FileChangedError
        If the content is not what was read, when the file was in the state given.
    """
    source = content.source if isinstance(content, FileArray) else None
    try:
        source = source or FileSource(path, path)
    except OSError as error:
        raise FileChangedError(path, f" ({error.strerror})") from error
    if source.state != state:
        raise FileChangedError(path)
    return f"{path.name} (sha256 {source.digest()})"


def read_kinds(options: dict[str, Any]) -> dict[str, str]:
    """Kinds of columns that are said."""
    both = {*options["categorical"]} & {*options["continuous"]}
    if both:
        raise InputError(
            f"--categorical and --continuous both name {list_names(sorted(both))}; a "
            "column has one kind."
        )
    kinds = dict.fromkeys(options["categorical"], "categorical")
    return kinds | dict.fromkeys(options["continuous"], "continuous")


def read_bins(options: dict[str, Any]) -> dict[str, Any]:
    """How numbers are cut into classes, as arguments of the library."""
    if options["binning"] == "uniform" and not options["bins"]:
        raise InputError("--binning uniform: into how many classes? Say so in --bins.")
    return {"n_bins": options["bins"], "binning": options["binning"]}


def choose_columns(
    options: dict[str, Any], table: pd.DataFrame, targets: list, notes: list[str]
) -> list | None:
    """Columns that are named, and combinations; None for all that there are.

    Combinations stand beside all columns where none is named, but for those that name
    rows or patients.
    """
    columns = [*options["columns"]]
    if not options["combine"]:
        return columns or None
    roles = {*targets, options["groups"]}
    everything = [name for name in table.columns if name not in roles]
    for name, reason in find_names(table, everything).items():
        everything.remove(name)
        if not columns:
            notes.append(f"column {name!r} is left out: {reason}.")
            say(notes[-1])
    return [*(columns or everything), *options["combine"]]
