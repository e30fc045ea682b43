"""Figure of the calibration benchmark, from the lines that it prints.

``python -m benchmarks.calibration`` draws it at its end; from a saved output:
``python -m benchmarks.calibration_figure FILE``.
"""

import sys
from pathlib import Path

import numpy as np
from scipy import stats

PATH = Path(__file__).parents[1] / "docs" / "images" / "calibration.png"
COLOURS = {"1": "#0072B2", "5": "#E69F00", "20": "#009E73"}
SIZE_TITLES = {
    "# Utilization: rejections": "Utilization: encoded, not used",
    "# Alignment within target: rejections": "Alignment within target: not encoded",
    "# Utilization: further schemes": "Utilization: other schemes",
}


def read_sections(lines: list[str]) -> dict[str, list[list[str]]]:
    """Rows of every table, by title."""
    sections: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    for line in lines:
        if line.startswith("# "):
            rows = sections.setdefault(line, [])
        elif " | " in line and not line.startswith("column"):
            rows.append([part.strip() for part in line.split("|")])
    return sections


def draw(lines: list[str], n_studies: int, path: Path = PATH) -> None:
    """Draw rejection rates and coverage by cell."""
    from matplotlib.figure import Figure

    sections = read_sections(lines)
    panels = [
        (title, rows)
        for start, title in SIZE_TITLES.items()
        for name, rows in sections.items()
        if name.startswith(start)
    ]
    figure = Figure(figsize=(11.0, 8.5), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    low, high = stats.binom.interval(0.99, n_studies, 0.05) / np.array(n_studies)
    for axis, (title, rows) in zip(axes, panels, strict=False):
        _dots(axis, rows, (low, 0.05, high))
        axis.set_title(title)
        axis.set_xlabel("rejected at 5% (band: 99% binomial interval)")
    covered = [
        row for name, rows in sections.items() if "coverage" in name for row in rows
    ]
    _dots(axes[3], [row for row in covered if row[-1] != "0.000"], (0.93, 0.95, 0.97))
    axes[3].set_title("Coverage of the 95% interval, use above 0")
    axes[3].set_xlabel("true utilization covered (band: 93 to 97%)")
    handles = [
        axes[0].plot([], [], "o", color=colour, label=f"{images} per patient")[0]
        for images, colour in COLOURS.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=150)


def _dots(axis, rows: list[list[str]], band: tuple) -> None:
    """One dot per cell, cells of a kind of column side by side."""
    kinds = list(dict.fromkeys(row[0].split(",")[0] for row in rows))
    axis.axvspan(band[0], band[2], color="0.9")
    axis.axvline(band[1], color="0.5", linewidth=1)
    for row in rows:
        position = kinds.index(row[0].split(",")[0])
        own = [r for r in rows if r[0].split(",")[0] == kinds[position]]
        height = position + 0.8 * (own.index(row) / max(len(own) - 1, 1) - 0.5)
        share = float(row[3].rstrip("%")) / 100.0
        axis.plot(share, height, "o", color=COLOURS[row[2]], markersize=5)
    axis.set_yticks(range(len(kinds)), kinds)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:.1%}")
    axis.invert_yaxis()


if __name__ == "__main__":
    draw(Path(sys.argv[1]).read_text("utf-8").splitlines(), 1000)
