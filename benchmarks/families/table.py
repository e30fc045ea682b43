"""The file of finished cells, and the table that is made of it."""

import json
from pathlib import Path

import pandas as pd
from scipy import stats

from benchmarks.families.study import Cell, Claim

SIMULTANEOUS = 0.99


def read_lines(path: Path) -> dict[str, dict]:
    """Finished cells by key; a line that was cut off is not finished."""
    if not path.exists():
        return {}
    found = {}
    for line in path.read_text().splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[record["cell"]] = record
    return found


def append_line(path: Path, record: dict) -> None:
    """Add a finished cell, on a line of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cut_off = path.exists() and not path.read_text().endswith("\n")
    with path.open("a") as file:
        file.write("\n" * (cut_off and path.stat().st_size > 0))
        file.write(json.dumps(record) + "\n")


def judge(claim: Claim, record: dict, n_claims: int = 1) -> dict:
    """Rate with its 95 % binomial interval, beside what is claimed.

    A claim is missed where the 99 % interval, simultaneous over so many claims, is
    outside of it, and open where only the rate is.
    """
    hits, n = record["counts"].get(claim.what, 0), record["replicates"]
    counted = stats.binomtest(hits, n)
    rate, interval = hits / n, counted.proportion_ci(0.95)
    met = "yes" if claim.excess(rate) <= 0 else "open"
    wide = counted.proportion_ci(1.0 - (1.0 - SIMULTANEOUS) / n_claims)
    if wide.low > claim.high or wide.high < claim.low:
        met = "NO"
    return {
        "rate": f"{100 * rate:.1f} %",
        "95 % interval": f"{100 * interval.low:.1f} to {100 * interval.high:.1f} %",
        "claim": str(claim),
        "met": met,
        "excess": claim.excess(rate),
        "studies": n,
        "untestable": record["counts"].get("untestable", 0),
    }


def judge_all(cells: list[Cell], lines: dict[str, dict]) -> pd.DataFrame:
    """A row per finished cell and claim."""
    finished = [cell for cell in cells if cell.key in lines]
    n_claims = sum(len(cell.claims) for cell in finished)
    return pd.DataFrame(
        {
            "family": cell.family,
            "what": claim.what,
            "cell": cell.name,
            **judge(claim, lines[cell.key], n_claims),
        }
        for cell in finished
        for claim in cell.claims
    )


def worst_cells(judged: pd.DataFrame) -> pd.DataFrame:
    """The worst cell of every family and claim, and how many miss or are open."""
    rows = []
    for _, group in judged.groupby(["family", "what", "claim"], sort=False):
        row = group.loc[group["excess"].idxmax()].drop(["excess", "met"])
        row["untestable"] = group["untestable"].sum()
        row["cells"] = len(group)
        row["missed"] = int((group["met"] == "NO").sum())
        row["open"] = int((group["met"] == "open").sum())
        rows.append(row)
    return pd.DataFrame(rows).set_index("family")


def every_cell(cells: list[Cell], lines: dict[str, dict]) -> pd.DataFrame:
    """A row per finished cell: what is true, studies, and the rate of every answer."""
    finished = [cell for cell in cells if cell.key in lines]
    answers = sorted({name for cell in finished for name in lines[cell.key]["counts"]})
    rows = {}
    for cell in finished:
        record = lines[cell.key]
        n = record["replicates"]
        rates = {name: record["counts"].get(name, 0) / n for name in answers}
        rows[cell.key] = {
            **({} if cell.truth is None else cell.truth()),
            "studies": n,
            **{name: f"{100 * rate:.1f} %" for name, rate in rates.items()},
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("cell")
