"""Values of numpy and pandas as those that JSON has, and JSON of these."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._text import encodable


def as_plain(value: Any) -> Any:
    """Turn a value into dicts, lists, text, numbers, booleans and None.

    What is missing or not finite becomes None, because JSON has no word for it.
    """
    if isinstance(value, dict):
        return {str(key): as_plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return as_plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or isinstance(value, (bool, int, str)):
        return None if value is pd.NA else value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return str(value)


def as_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table, with its index, as plain dicts."""
    flat = table.reset_index()
    names = [str(name) for name in flat.columns]
    columns = [flat.iloc[:, i].tolist() for i in range(len(names))]
    return [
        as_plain(dict(zip(names, row, strict=True)))
        for row in zip(*columns, strict=True)
    ]


def json_text(content: dict[str, Any]) -> str:
    """JSON of plain values, as files hold it; without NaN, which JSON does not know."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # The escape of half a surrogate pair is that of JSON too.
    return encodable(text)
