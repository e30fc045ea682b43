"""Tables of the benchmarks, as the pages quote them."""

import numpy as np
import pandas as pd


def as_markdown(table: pd.DataFrame) -> str:
    """Table with its index; numbers with three digits."""
    cells = table.reset_index()
    lines = [cells.columns, ["---"] * len(cells.columns), *cells.to_numpy(object)]
    return "\n".join(
        "| " + " | ".join(_format(cell) for cell in line) + " |" for line in lines
    )


def _format(cell) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return "-" if np.isnan(cell) else f"{cell:.3f}"
