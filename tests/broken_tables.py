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
    csv_lines,
    table,
    with_bytes,
    with_csv_embeddings,
    with_h5ad,
    with_metadata,
    with_parquet,
    zipped,
)


@broken("embeddings", "damaged or cut off: write it again")
def damaged_parquet(files):
    return with_bytes(files, b"PAR1" + bytes(40) + b"PAR1", ".parquet")


@broken("metadata", "damaged or cut off: write it again")
def damaged_feather(files):
    return with_metadata(files, b"ARROW1" + bytes(40), ".feather")


@broken("metadata", "damaged or cut off: write it again")
def damaged_workbook(files):
    return with_metadata(files, zipped({"xl/workbook.xml": b"<x"}), ".xlsx")


@broken("embeddings", "damaged or cut off: write it again")
def damaged_h5ad(files):
    return with_bytes(files, b"\x89HDF\r\n\x1a\n" + bytes(100), ".h5ad")


@broken("metadata", r": has no obs table; write it with anndata again\.$")
def h5ad_without_annotation(files):
    return with_h5ad(files, "metadata", X=arrays())


@broken("metadata", r": has an obs that is no table; write it again\.$")
def h5ad_whose_annotation_is_an_array(files):
    return with_h5ad(files, "metadata", X=arrays(), obs=arrays())


@broken("metadata", r": has columns and no rows; export it again\.$")
def parquet_without_rows(files):
    return with_parquet(files, table()[:0])


@broken("metadata", r": has no columns; export it again\.$")
def parquet_without_columns(files):
    return with_parquet(files, table()[[]])


@broken(
    "metadata",
    r": has column names of several levels; join them to one name each\.$",
)
def parquet_with_names_of_two_levels(files):
    return with_parquet(files, pd.concat({"a": table(), "b": table()}, axis=1))


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


@broken("metadata", r"xl/bomb\.xml.*zip bomb")
def workbook_that_is_a_zip_bomb(files):
    bomb = zipped({"xl/bomb.xml": bytes(2**25)}, compression=zipfile.ZIP_DEFLATED)
    return with_metadata(files, bomb, ".xlsx")


@broken("metadata", r"line 12 has 6 cells and the first line has 5.*complete the row")
def ragged_row(files):
    lines = csv_lines()
    lines[11] += ",extra"
    return with_metadata(files, "\n".join(lines))


@broken("metadata", r"line 12 has 4 cells")
def short_row(files):
    lines = csv_lines()
    lines[11] = lines[11].rpartition(",")[0]
    return with_metadata(files, "\n".join(lines))


@broken("metadata", r"':' as if it separated cells.*semicolon")
def wrong_delimiter(files):
    return with_metadata(files, "\n".join(csv_lines()).replace(",", ":"))


@broken("metadata", r"quotes in line 6 do not match.*twice")
def quote_that_is_not_closed(files):
    lines = csv_lines()
    lines[5] = '"' + lines[5]
    return with_metadata(files, "\n".join(lines))


@broken("metadata", "nothing but blank lines")
def blank_lines(files):
    return with_metadata(files, "\n  \n\n")


@broken("metadata", "header line and no rows; export it again")
def header_only(files):
    return with_metadata(files, csv_lines()[0] + "\n")


@broken("metadata", r"several columns named 'scanner'.*rename")
def repeated_column(files):
    lines = csv_lines()
    lines[0] = lines[0].replace("age", "scanner")
    return with_metadata(files, "\n".join(lines))


@broken("metadata", "numbers only.*names of the columns")
def no_header(files):
    return with_metadata(files, "\n".join(f"{i}.5,{i % 2},7" for i in range(N)))


@broken("metadata", "zero bytes.*UTF-8")
def utf16_without_mark(files):
    return with_metadata(files, "\n".join(csv_lines()).encode("utf-16-le"))


@broken("metadata", "unknown encoding.*UTF-8")
def unknown_encoding(files):
    text = "\n".join(csv_lines()).encode()
    return with_metadata(files, text.replace(b"ill", b"\x81\x8d\xff"))


@broken("metadata", "damaged or cut off.*UTF-8")
def text_cut_within_a_character(files):
    return with_metadata(files, "\n".join(csv_lines()).encode("utf-16")[:-1])


@broken("metadata", r"zip archive, such as xlsx.*suffix of its format")
def workbook_that_is_named_csv(files):
    return with_metadata(files, zipped({"xl/workbook.xml": b"<x/>"}))


@broken("embeddings", r"'site' holds 'north' in line 2.*metadata")
def text_column_among_features(files):
    X = pd.DataFrame(arrays(), columns=NAMES).assign(site="north")
    return with_csv_embeddings(files, X)


@broken("embeddings", r"without numbers.*'sample' holds 's000'")
def parquet_with_text_among_features(files):
    files["embeddings"] = files["embeddings"].with_suffix(".parquet")
    X = pd.DataFrame(arrays(), columns=NAMES).assign(sample=IDS)
    X.to_parquet(files["embeddings"])
    return files


@broken(
    "embeddings",
    r": has 1 column without numbers \('report'; 'report' holds 'x{59}\.\.\.\); name "
    r"the ids with id and move everything else to the metadata; lists become columns "
    r"with np\.stack\.$",
)
def parquet_with_long_text_among_features(files):
    files["embeddings"] = files["embeddings"].with_suffix(".parquet")
    X = pd.DataFrame(arrays(), columns=NAMES).assign(report="x" * 1000)
    X.to_parquet(files["embeddings"])
    return files


@broken("embeddings", r"'patient_id' looks like ids.*id='patient_id'")
def ids_among_features(files):
    X = pd.DataFrame(arrays(), columns=NAMES).assign(patient_id=np.arange(N))
    return with_csv_embeddings(files, X)


@broken("embeddings", r"1 NaN or infinite value,.*row 4, feature 1.*drop these rows")
def csv_with_a_missing_embedding(files):
    X = pd.DataFrame(arrays(), columns=NAMES)
    X.iloc[4, 1] = np.nan
    return with_csv_embeddings(files, X)


@broken("embeddings", r"mixes decimal points \(line 2\).*commas \(line 3\)")
def mixed_decimal_signs(files):
    lines = [";".join(NAMES), "1.5;2;3;4;5;6", "1,5;2;3;4;5;6"]
    return with_csv_embeddings(files, "\n".join(lines))
