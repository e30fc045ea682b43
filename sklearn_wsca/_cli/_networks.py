"""``wsca audit`` of several seeds or folds of one network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sklearn_wsca._cli._audit import Findings
from sklearn_wsca._cli._errors import InputError, refuse
from sklearn_wsca._cli._inputs import AuditRows
from sklearn_wsca._cli._notes import collect_warnings
from sklearn_wsca._cli._output import (
    NETWORKS,
    NETWORKS_TABLE,
    SUMMARY,
    open_no_window,
    write_files,
)
from sklearn_wsca._cli._spreadsheet import to_csv_text
from sklearn_wsca._cli._targets import name_folders
from sklearn_wsca._input.several_targets import join_tables
from sklearn_wsca._networks.result import NetworkSpread
from sklearn_wsca._networks.spread import network_spread
from sklearn_wsca._plain_values import json_text
from sklearn_wsca._report.first_screen import tell_rightness
from sklearn_wsca._report.result import software_versions
from sklearn_wsca._text import printable

SCHEMA_VERSION = 1
LEVEL = "network"


@dataclass(frozen=True)
class NetworkFindings:
    """Finished analyses of several networks.

    Parameters
    ----------
    audits : dict of str to Findings
        By network.
    results : dict of str to dict
        All that is known of each.
    spread : NetworkSpread
        What they have in common, and how far they differ.
    """

    audits: dict[str, Findings]
    results: dict[str, dict[str, Any]]
    spread: NetworkSpread

    @classmethod
    def of(
        cls, audits: dict[str, Findings], results: dict[str, dict[str, Any]]
    ) -> NetworkFindings:
        """Compare analyses of the same rows."""
        sources = {
            name: found.analysis if found.held_out is None else found.held_out
            for name, found in audits.items()
        }
        with refuse({}), collect_warnings([]):
            return cls(audits, results, network_spread(sources))

    def write(self, directory: Path) -> list[Path]:
        """Write the files of every network in its folder, and tables of all."""
        open_no_window()
        folders = name_folders(list(self.audits))
        contents: dict[str, str | bytes] = {
            f"{folders[name]}/{file}": content
            for name, found in self.audits.items()
            for file, content in found.files(self.results[name]).items()
        }
        tables = {name: found.table for name, found in self.audits.items()}
        contents[SUMMARY] = to_csv_text(join_tables(tables, level=LEVEL))
        contents[NETWORKS_TABLE] = to_csv_text(
            self.spread.table.join(self.spread.values.add_prefix("network "))
        )
        contents[NETWORKS] = json_text(self.to_dict())
        return write_files(directory, contents)

    def to_dict(self) -> dict[str, Any]:
        """Spread as it stands in the file."""
        return {
            "schema_version": SCHEMA_VERSION,
            "software": software_versions(),
            "inputs": {name: own["inputs"] for name, own in self.results.items()},
            "note": self.spread.note(),
            **self.spread.to_dict(),
        }


def list_networks(embeddings: Path, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Options of every network: its embeddings and its head.

    Raises
    ------
    InputError
        If --network is given together with what only one network can have, or a
        network twice.
    """
    first = options | {"embeddings": embeddings}
    if not options["network"]:
        return [first]
    if len(options["target"]) > 1:
        raise InputError(
            f"--network takes one --target, and there are {len(options['target'])}; "
            "run the command once for each."
        )
    if not options["head"]:
        raise InputError(
            "--network names the head of each further network: give the first one its "
            "own, by --head."
        )
    if options["held_out"]:
        raise InputError(
            "--held-out names embeddings of one network: with --network hold rows of "
            "all of them out, by --held-out-rows or --rows-are-held-out."
        )
    others = [
        options | {"embeddings": file, "head": (head,)}
        for file, head in options["network"]
    ]
    networks = [first, *others]
    _refuse_twins(networks)
    return networks


def _refuse_twins(networks: list[dict[str, Any]]) -> None:
    """Raise if the same files are named twice.

    Raises
    ------
    InputError
        With their names.
    """
    seen = set()
    for own in networks:
        files = (own["embeddings"], *own["head"])
        resolved = tuple(file.resolve() for file in files)
        if resolved in seen:
            named = " and ".join(map(str, files))
            raise InputError(
                f"--network: {named} are named twice; name every network once."
            )
        seen.add(resolved)


def name_networks(networks: list[dict[str, Any]]) -> list[str]:
    """Names of the networks: those of their heads or embeddings, where these differ."""
    heads = [plain_name(file) for own in networks for file in own["head"][:1]]
    embeddings = [plain_name(own["embeddings"]) for own in networks]
    numbers = [str(number) for number in range(1, len(networks) + 1)]
    folders = [own["embeddings"].absolute().parent.name for own in networks]
    choices = (heads, embeddings, folders, numbers)
    return next(names for names in choices if len(set(names)) == len(networks))


def plain_name(path: Path) -> str:
    """Name of a file, without its ending."""
    return path.name.partition(".")[0] or path.name


@dataclass(frozen=True)
class SameRows:
    """Rows that all networks must have.

    Parameters
    ----------
    file : Path
        Embeddings of the first network.
    index : Index
        Names of its rows.
    """

    file: Path
    index: pd.Index

    @classmethod
    def of(cls, rows: AuditRows) -> SameRows:
        """Those of the first network."""
        return cls(rows.files["X"], rows.metadata.index)

    def check(self, rows: AuditRows) -> None:
        """Raise if another network has other rows."""
        other = self.index.symmetric_difference(rows.metadata.index)
        if len(other):
            raise InputError(
                f"{rows.files['X']}: {len(other)} rows, such as {other[0]!r}, are in "
                f"this file or in {self.file} only; leave them out of the metadata, so "
                "that all networks have the same rows."
            )


def print_networks(console: Console, found: NetworkFindings) -> None:
    """Print how well each head predicts, then means, deviations and verdicts."""
    for name, result in found.results.items():
        performance, doubtful = tell_rightness(result["analysis"])
        text = Text(printable(f"{name}: {performance}"))
        console.print(text, style="yellow" if doubtful else "", highlight=False)
    console.print()
    spread = found.spread
    title = f"{len(found.audits)} networks on the same rows"
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    headings = ("column", "verdicts", "output moves", "encoded", "aligned")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in spread.rows():
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)
    console.print(Text(spread.note()), style="dim", highlight=False)
