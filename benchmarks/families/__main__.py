"""Where a verdict could mislead: families of simulated studies, each with its claim.

Run from the repository: ``python -m benchmarks.families --out FILE``, about two hours
for 200 studies per cell on one core. Every finished cell is a line of the file; cells
that the file holds are not measured again, so a run that was stopped goes on where it
was. Another number of studies needs another file. One table is printed: the worst cell
of every family and claim, with a 95 % binomial interval. A claim is missed where a 99 %
interval, simultaneous over all claims, is outside of it, and open where only the rate
is. With ``--every-cell`` the rates of all answers are printed, one row per cell.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.families.cells import FAMILIES, list_cells
from benchmarks.families.measure import measure
from benchmarks.families.table import (
    append_line,
    every_cell,
    judge,
    judge_all,
    read_lines,
    worst_cells,
)
from benchmarks.markdown import as_markdown


def main(arguments: list[str] | None = None) -> None:
    """Measure what the file lacks, and print the table."""
    options = parse_arguments(arguments)
    cells = list_cells(options.family, options.cells)
    lines = read_lines(options.out)
    for cell in cells:
        if cell.key in lines:
            continue
        record = measure(cell, options.replicates, options.permutations, options.jobs)
        append_line(options.out, record)
        lines[cell.key] = record
        for claim in cell.claims:
            found = judge(claim, record)
            words = f"{found['rate']} ({found['95 % interval']}); {claim}"
            print(f"{cell.key}: {claim.what} {words}", file=sys.stderr, flush=True)
    if any(cell.key in lines for cell in cells):
        found = worst_cells(judge_all(cells, lines))
        print(as_markdown(every_cell(cells, lines) if options.every_cell else found))


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.families",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="file of the cells")
    parser.add_argument("--family", nargs="+", choices=FAMILIES, help="default: all")
    parser.add_argument("--cells", default="", help="only cells with this in the name")
    parser.add_argument("--replicates", type=int, default=200, help="studies per cell")
    parser.add_argument("--permutations", type=int, default=99, help="per study")
    parser.add_argument("--every-cell", action="store_true", help="print all rates")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
