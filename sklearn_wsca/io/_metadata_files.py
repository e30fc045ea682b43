"""Metadata from files: a table with one row per sample."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_wsca._backend.memory_size import read_size
from sklearn_wsca._input.doubtful_values import describe_doubts
from sklearn_wsca.io._columns import parse_cells
from sklearn_wsca.io._errors import file_error, path_text
from sklearn_wsca.io._h5ad import read_obs
from sklearn_wsca.io._ids import id_index, take_ids, text_ids
from sklearn_wsca.io._missing import count_words, describe_words
from sklearn_wsca.io._paths import known_suffix, regular_file
from sklearn_wsca.io._tables import read_typed_table
from sklearn_wsca.io._text import text_table
from sklearn_wsca.io._typed_columns import exact_column

SUFFIXES = (".csv", ".tsv", ".parquet", ".feather", ".xlsx", ".h5ad")
MOST_COLUMNS = 100_000
RESAVE = "table.to_csv('metadata.csv', index=False)"


def load_metadata(
    path: Any, *, id: str | None = None, max_size: int | str | None = None
) -> pd.DataFrame:
    r"""Read a table of metadata: one row per sample, one named column per property.

    Formats, told by the suffix: .csv and .tsv (separated by comma, semicolon, tab or
    vertical bar; UTF-8, UTF-16 with byte order mark, or Windows-1252), .parquet,
    .feather, .xlsx (one sheet) and .h5ad (obs).

    Values are never changed on the way: ids stay text as they are written, and so do
    whole columns of numbers with leading zeros, of whole numbers beyond 2**53, of
    numbers that would be the same though they are written differently (1.1 and 1.10,
    1E1 and 10), and columns that mix numbers with text, each with a warning. Decimal
    commas are read where a comma does not separate the cells, and dates in text files
    if they are written as 2026-01-31, with or without a time of day.

    In every format, cells that are blank are missing, and so are NA, N/A, NaN, NaT,
    null, None and a single point, in any case, and errors of spreadsheets, such as
    #REF! and #NULL!; a warning counts these words. Further warnings name values that
    differ in nothing but blanks or case, and codes for missing values such as -99.

    Lines that begin with # above the table of a text file are comments. Row names, as R
    writes them, are a column "Unnamed: 0".

    Parameters
    ----------
    path : str or path
        The file.
    id : str, default=None
        Name of the column with the ids of the rows; "index" for the row names of an
        h5ad file or of R, and for the index of a table that pandas wrote.
    max_size : int or str, default=None
        Bytes that what is read may take in memory, such as "8GB"; None: half of the
        memory at hand, and no more than 500 times what is stored.

    Returns
    -------
    metadata : DataFrame of shape (n_samples, n_columns)
        With `id`, indexed by the ids.

    Raises
    ------
    FileError
        If the file cannot be used; one line with its name and what to do.
    ImportError
        If the package that reads this format is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_wsca.io import load_metadata
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "metadata.csv"
    ...     _ = file.write_text("sample;age;site\n007;61,5;north\n010;;south\n")
    ...     metadata = load_metadata(file, id="sample")
    >>> metadata
             age   site
    sample
    007     61.5  north
    010      NaN  south
    """
    limit = read_size(max_size)
    file = regular_file(path)
    suffix = known_suffix(path, SUFFIXES, "metadata", RESAVE)
    if suffix in (".csv", ".tsv"):
        table, notes = _from_text(path, file, id)
    else:
        table, notes = _from_table(path, file, suffix, id, limit)
    for note in notes:
        warnings.warn(f"{path_text(path)}: {note}", UserWarning, stacklevel=2)
    return table


def _from_text(path: Any, file: Path, id: str | None) -> tuple[pd.DataFrame, list[str]]:
    with text_table(path, file) as table:
        if len(table.names) > MOST_COLUMNS:
            raise file_error(
                path,
                f"has {len(table.names)} columns, and no more than {MOST_COLUMNS} are "
                "read as metadata; keep those that say something about the samples.",
            )
        rows = [cells for _, cells in table.rows]
    while len(rows) > 1 and not any(map(str.strip, rows[-1])):
        rows.pop()
    cells = {name: [row[i] for row in rows] for i, name in enumerate(table.names)}
    index = None
    if id is not None:
        # As they are written: 007 is another patient than 7.
        index = id_index(path, cells.pop(text_ids(path, table.names, id)), id)
    parsed = {n: parse_cells(n, part, table.separator) for n, part in cells.items()}
    columns = {name: column.array for name, (column, _) in parsed.items()}
    words = describe_words({name: count_words(part) for name, part in cells.items()})
    frame = pd.DataFrame(columns, index=range(len(rows)))
    frame = frame if index is None else frame.set_axis(index, axis=0)
    return frame, _notes(frame, words, [note for _, note in parsed.values()])


def _from_table(
    path: Any, file: Path, suffix: str, id: str | None, limit: int | None
) -> tuple[pd.DataFrame, list[str]]:
    if suffix == ".h5ad":
        table = read_obs(path, file, limit)
    else:
        table = read_typed_table(path, file, suffix, limit)
    table = table.reset_index(drop=True) if id is None else take_ids(path, table, id)
    typed = {name: exact_column(table[name]) for name in table.columns}
    columns = {name: column for name, (column, _, _) in typed.items()}
    words = describe_words({name: found for name, (_, _, found) in typed.items()})
    frame = pd.DataFrame(columns, index=table.index)
    return frame, _notes(frame, words, [note for _, note, _ in typed.values()])


def _notes(
    frame: pd.DataFrame, words: str | None, notes: list[str | None]
) -> list[str]:
    """What to warn of: the file, then column by column."""
    doubts = [doubt for _, column in frame.items() for doubt in describe_doubts(column)]
    return [note for note in (words, *notes, *doubts) if note]
