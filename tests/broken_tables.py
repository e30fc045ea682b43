"""Broken and hostile tables."""

from __future__ import annotations

import zipfile

import numpy as np
import pandas as pd

from tests.broken_files import (
    IDS,
    NAMES,
    N,
    arrays,
    broken,
    broken_contents,
    csv_lines,
    table,
    zipped,
)

DAMAGED = "damaged or cut off: write it again"
X = pd.DataFrame(arrays(), columns=NAMES)
LINES = csv_lines()
TEXT = "\n".join(LINES)


def with_line(number, line):
    """The metadata as text, with another line."""
    return "\n".join(LINES[: number - 1] + [line] + LINES[number:])


# Embeddings

WITH_GAP = X.copy()
WITH_GAP.iloc[4, 1] = np.nan

EMBEDDINGS_CSV = {
    "text column among features": (
        X.assign(site="north"),
        r"'site' holds 'north' in line 2.*metadata",
    ),
    "ids among features": (
        X.assign(patient_id=np.arange(N)),
        r"'patient_id' looks like ids.*id='patient_id'",
    ),
    "csv with a missing embedding": (
        WITH_GAP,
        r"1 NaN or infinite value,.*row 4, feature 1.*drop these rows",
    ),
    "mixed decimal signs": (
        "\n".join([";".join(NAMES), "1.5;2;3;4;5;6", "1,5;2;3;4;5;6"]),
        r"mixes decimal points \(line 2\).*commas \(line 3\)",
    ),
}
broken_contents("embeddings", ".csv", EMBEDDINGS_CSV)
EMBEDDINGS_PARQUET = {
    "damaged parquet": (b"PAR1" + bytes(40) + b"PAR1", DAMAGED),
    "parquet with text among features": (
        X.assign(sample=IDS),
        r"without numbers.*'sample' holds 's000'",
    ),
    "parquet with long text among features": (
        X.assign(report="x" * 1000),
        r": has 1 column without numbers \('report'; 'report' holds 'x{28}\.\.\.x{27}'"
        r"\); name the ids with id and move everything else to the metadata; lists "
        r"become columns with np\.stack\.$",
    ),
}
broken_contents("embeddings", ".parquet", EMBEDDINGS_PARQUET)
DAMAGED_H5AD = (b"\x89HDF\r\n\x1a\n" + bytes(100), DAMAGED)
broken_contents("embeddings", ".h5ad", {"damaged h5ad": DAMAGED_H5AD})

# Metadata

METADATA_CSV = {
    "empty table file": ("", r"empty \(0 bytes\); write it again"),
    "ragged row": (
        with_line(12, LINES[11] + ",extra"),
        r"line 12 has 6 cells and the first line has 5.*complete the row",
    ),
    "short row": (with_line(12, LINES[11].rpartition(",")[0]), r"line 12 has 4 cells"),
    "wrong delimiter": (
        TEXT.replace(",", ":"),
        r"':' as if it separated cells.*semicolon",
    ),
    "quote that is not closed": (
        with_line(6, '"' + LINES[5]),
        r"quotes in line 6 do not match.*twice",
    ),
    "blank lines": ("\n  \n\n", "nothing but blank lines"),
    "header only": (LINES[0] + "\n", "header line and no rows; export it again"),
    "repeated column": (
        with_line(1, LINES[0].replace("age", "scanner")),
        r"several columns named 'scanner'.*rename",
    ),
    "no header": (
        "\n".join(f"{i}.5,{i % 2},7" for i in range(N)),
        "numbers only.*names of the columns",
    ),
    "utf16 without mark": (TEXT.encode("utf-16-le"), "zero bytes.*UTF-8"),
    "unknown encoding": (
        TEXT.encode().replace(b"ill", b"\x81\x8d\xff"),
        "unknown encoding.*UTF-8",
    ),
    "text cut within a character": (
        TEXT.encode("utf-16")[:-1],
        "damaged or cut off.*UTF-8",
    ),
    "workbook that is named csv": (
        zipped({"xl/workbook.xml": b"<x/>"}),
        r"zip archive, such as xlsx.*suffix of its format",
    ),
}
broken_contents("metadata", ".csv", METADATA_CSV)
DAMAGED_FEATHER = (b"ARROW1" + bytes(40), DAMAGED)
broken_contents("metadata", ".feather", {"damaged feather": DAMAGED_FEATHER})
METADATA_H5AD = {
    "h5ad without annotation": (
        {"X": arrays()},
        r": has no obs table; write it with anndata again\.$",
    ),
    "h5ad whose annotation is an array": (
        {"X": arrays(), "obs": arrays()},
        r": has an obs that is no table; write it again\.$",
    ),
}
broken_contents("metadata", ".h5ad", METADATA_H5AD)
METADATA_PARQUET = {
    "parquet without rows": (
        table()[:0],
        r": has columns and no rows; export it again\.$",
    ),
    "parquet without columns": (table()[[]], r": has no columns; export it again\.$"),
    "parquet with names of two levels": (
        pd.concat({"a": table(), "b": table()}, axis=1),
        r": has column names of several levels; join them to one name each\.$",
    ),
}
broken_contents("metadata", ".parquet", METADATA_PARQUET)


@broken(
    "metadata",
    r": has several columns named 'scanner'; rename them so that every name is "
    r"unique\.$",
)
def parquet_with_a_repeated_column(files):
    from pyarrow import Table, parquet

    files["metadata"] = files["metadata"].with_suffix(".parquet")
    columns = [table()["diagnosis"], table()["scanner"], table()["scanner"]]
    names = ["diagnosis", "scanner", "scanner"]
    parquet.write_table(Table.from_arrays(columns, names), files["metadata"])
    return files


def workbook_bomb(files):
    return zipped({"xl/bomb.xml": bytes(2**25)}, compression=zipfile.ZIP_DEFLATED)


METADATA_XLSX = {
    "damaged workbook": (zipped({"xl/workbook.xml": b"<x"}), DAMAGED),
    "workbook that is a zip bomb": (workbook_bomb, r"xl/bomb\.xml.*zip bomb"),
}
broken_contents("metadata", ".xlsx", METADATA_XLSX)


@broken("metadata", r": has no sheet with cells in it; write it again\.$")
def workbook_without_cells(files):
    import openpyxl

    files["metadata"] = files["metadata"].with_suffix(".xlsx")
    openpyxl.Workbook().save(files["metadata"])
    return files


@broken("metadata", r"2 sheets \('first', 'second'\).*file of its own")
def workbook_with_two_sheets(files):
    files["metadata"] = files["metadata"].with_suffix(".xlsx")
    with pd.ExcelWriter(files["metadata"]) as workbook:
        table().to_excel(workbook, sheet_name="first", index=False)
        table().to_excel(workbook, sheet_name="second", index=False)
    return files
