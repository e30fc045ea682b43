"""Broken and hostile files: what is wrong with each, and what its error must say.

Every entry starts from a valid pair of files and breaks one thing. `found_by` tells who
notices: "reader" (`sklearn_wsca.io`) or "analysis" (the estimator that gets the files).
"""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

N, D = 60, 6
NAMES = [f"f{i}" for i in range(D)]
IDS = [f"s{i:03d}" for i in range(N)]
MARKER = "unpickled"
Files = dict[str, Any]


@dataclass(frozen=True)
class BrokenFile:
    """One broken input.

    Parameters
    ----------
    name : str
        What is wrong.
    file : {"embeddings", "metadata", "head"}
        The file that the message must name.
    fix : str
        Regular expression that the message must match.
    make : callable
        Takes a valid pair of files and returns the broken one.
    found_by : {"reader", "analysis"}
        Who notices.
    """

    name: str
    file: Literal["embeddings", "metadata", "head"]
    fix: str
    make: Callable[[Files], Files]
    found_by: Literal["reader", "analysis"]

    def build(self, directory: Path) -> Files:
        """Write the files: paths `embeddings` and `metadata`, and `options`."""
        return self.make(valid_files(directory))


REGISTRY: list[BrokenFile] = []


def broken(
    file: str, fix: str, found_by: str = "reader"
) -> Callable[[Callable[[Files], Files]], Callable[[Files], Files]]:
    """Add a builder to the registry under the name of its function."""

    def register(make: Callable[[Files], Files]) -> Callable[[Files], Files]:
        name = make.__name__.replace("_", "-")
        REGISTRY.append(BrokenFile(name, file, fix, make, found_by))
        return make

    return register


def arrays() -> np.ndarray:
    """Embeddings with unequal scales and means."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(N, D)) * np.geomspace(0.1, 50, D) + np.arange(D)
    X[:, 0] += 0.2 * (np.arange(N) % 2)
    return X


def table() -> pd.DataFrame:
    """Metadata that describe the embeddings."""
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "sample": IDS,
            "diagnosis": np.where(np.arange(N) % 2, "ill", "well"),
            "scanner": rng.choice(["A", "B", "C"], N),
            "age": rng.normal(60, 12, N).round(1),
            "patient": [f"p{i // 2}" for i in range(N)],
        }
    )


def valid_files(directory: Path) -> Files:
    """Embeddings and metadata that nothing is wrong with."""
    files = {
        "embeddings": directory / "embeddings.npy",
        "metadata": directory / "metadata.csv",
        "options": {"target": "diagnosis"},
    }
    np.save(files["embeddings"], arrays())
    table().to_csv(files["metadata"], index=False)
    return files


def with_array(files: Files, X: Any, **options: Any) -> Files:
    np.save(files["embeddings"], X, **options)
    return files


def with_bytes(files: Files, content: bytes, suffix: str = ".npy") -> Files:
    files["embeddings"] = files["embeddings"].with_suffix(suffix)
    files["embeddings"].write_bytes(content)
    return files


def with_metadata(files: Files, content: str | bytes, suffix: str = ".csv") -> Files:
    content = content.encode() if isinstance(content, str) else content
    files["metadata"] = files["metadata"].with_suffix(suffix)
    files["metadata"].write_bytes(content)
    return files


def with_table(files: Files, metadata: pd.DataFrame, **options: Any) -> Files:
    metadata.to_csv(files["metadata"], index=False, **options)
    return files


def with_head(files: Files, name: str, **parts: Any) -> Files:
    """Add an npz head."""
    head = files["metadata"].with_name(name)
    np.savez(head, **parts)
    files["options"]["head"] = head
    return files


def with_csv_embeddings(files: Files, X: pd.DataFrame | str, **options: Any) -> Files:
    files["embeddings"] = files["embeddings"].with_suffix(".csv")
    if isinstance(X, str):
        files["embeddings"].write_text(X, "utf-8")
    else:
        X.to_csv(files["embeddings"], index=False, **options)
    return files


def with_ids(files: Files, ids: list[Any], metadata: pd.DataFrame) -> Files:
    """Embeddings with ids beside metadata that have some."""
    X = pd.DataFrame(arrays()[: len(ids)], columns=NAMES)
    X.insert(0, "sample", ids)
    files["options"]["id"] = "sample"
    return with_table(with_csv_embeddings(files, X), metadata)


def csv_lines(metadata: pd.DataFrame | None = None) -> list[str]:
    return (table() if metadata is None else metadata).to_csv(index=False).splitlines()


def npy_bytes(X: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, X)
    return stream.getvalue()


def npy_with_header(text: str) -> bytes:
    """Array file with a header of our own and no numbers."""
    header = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def zipped(members: dict[str, bytes], **options: Any) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, directory: Path) -> None:
        self.marker = str(directory / MARKER)

    def __reduce__(self) -> tuple:
        return Path.touch, (Path(self.marker),)


def payload(files: Files) -> Payload:
    return Payload(files["metadata"].parent)


# Paths


@broken("embeddings", r"no such file.*check the path")
def missing_file(files):
    files["embeddings"].unlink()
    return files


@broken("metadata", r"there is 'metadata\.csv'")
def missing_file_with_a_near_name(files):
    return files | {"metadata": files["metadata"].with_name("metdata.csv")}


@broken("embeddings", "nor its directory")
def missing_directory(files):
    return files | {"embeddings": Path("no/such/folder/embeddings.npy")}


@broken("embeddings", r"is a directory.*name a file")
def directory(files):
    return files | {"embeddings": files["embeddings"].parent}


@broken("embeddings", r"suffix '\.dat'.*can be read from \.npy, \.npz")
def unknown_suffix(files):
    renamed = files["embeddings"].rename(files["embeddings"].with_suffix(".dat"))
    return files | {"embeddings": renamed}


@broken("metadata", r"no suffix.*\.csv, \.tsv")
def no_suffix(files):
    renamed = files["metadata"].rename(files["metadata"].with_suffix(""))
    return files | {"metadata": renamed}


@broken("metadata", "unpack it")
def compressed_text(files):
    packed = gzip.compress(files["metadata"].read_bytes())
    return with_metadata(files, packed, ".csv.gz")


@broken("embeddings", r"link to 'gone\.npy'.*does not exist")
def broken_link(files):
    files["embeddings"].unlink()
    files["embeddings"].symlink_to("gone.npy")
    return files


@broken("embeddings", "leads back to itself")
def looping_link(files):
    files["embeddings"].unlink()
    files["embeddings"].symlink_to(files["embeddings"].name)
    return files


@broken("metadata", "is a device; name a regular file")
def link_to_an_endless_device(files):
    files["metadata"].unlink()
    files["metadata"].symlink_to("/dev/zero")
    return files


@broken("metadata", "is a named pipe; name a regular file")
def pipe(files):
    files["metadata"].unlink()
    os.mkfifo(files["metadata"])
    return files


@broken("embeddings", "too long for a file")
def name_that_is_too_long(files):
    return files | {"embeddings": Path("x" * 300 + ".npy")}


@broken("embeddings", "is cut off")
def name_with_a_line_break(files):
    name = files["embeddings"].with_name("two\nlines.npy")
    name.write_bytes(files["embeddings"].read_bytes()[:-8])
    return files | {"embeddings": name}


@broken("embeddings", r"empty \(0 bytes\); write it again")
def empty_array_file(files):
    return with_bytes(files, b"")


@broken("metadata", r"empty \(0 bytes\); write it again")
def empty_table_file(files):
    return with_metadata(files, "")


# Arrays


@broken("embeddings", r"cut off: its header promises 2880 bytes.*copy or export")
def truncated_array(files):
    return with_bytes(files, files["embeddings"].read_bytes()[:-100])


@broken("embeddings", "damaged or cut off; export it again")
def truncated_header(files):
    return with_bytes(files, files["embeddings"].read_bytes()[:9])


@broken("embeddings", "write it again")
def header_of_nested_brackets(files):
    return with_bytes(files, npy_with_header("(" * 110))


@broken("embeddings", "cut off: its header promises")
def header_that_promises_an_exabyte(files):
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (10**9, 10**8), }"
    text = text.replace("10**9", str(10**9)).replace("10**8", str(10**8))
    return with_bytes(files, npy_with_header(text))


@broken("embeddings", "is no npy file.*np.save")
def text_that_is_named_npy(files):
    return with_bytes(files, files["metadata"].read_bytes())


@broken("embeddings", r"name it \.npz")
def archive_that_is_named_npy(files):
    return with_bytes(files, zipped({"X.npy": npy_bytes(arrays())}))


@broken("embeddings", r"Python objects.*np\.save")
def pickled_array(files):
    objects = np.array([[payload(files)]], dtype=object)
    return with_array(files, objects, allow_pickle=True)


@broken("embeddings", r"is a pickle.*np\.save")
def pickle_that_is_named_npy(files):
    return with_bytes(files, pickle.dumps(payload(files)))


@broken("embeddings", r"is a pickle.*np\.save\('embeddings\.npy', array\)")
def pickle_file(files):
    return with_bytes(files, pickle.dumps(payload(files)), ".pkl")


@broken("metadata", r"is a pickle.*table\.to_csv")
def pickled_table(files):
    return with_metadata(files, pickle.dumps(payload(files)), ".pickle")


@broken("head", r"is a pickle.*np\.savez\('head\.npz'")
def pickled_estimator(files):
    head = files["metadata"].with_name("head.joblib")
    head.write_bytes(pickle.dumps(payload(files)))
    files["options"]["head"] = head
    return files


@broken("embeddings", r"Python objects.*np\.save")
def pickled_member(files):
    files["embeddings"] = files["embeddings"].with_suffix(".npz")
    objects = np.array([[payload(files)]], dtype=object)
    np.savez(files["embeddings"], X=objects)
    return files


@broken("embeddings", r"X\.npy.*zip bomb.*without compression")
def zip_bomb(files):
    bomb = npy_bytes(np.zeros((2**18, 2**4)))
    content = zipped({"X.npy": bomb}, compression=zipfile.ZIP_DEFLATED)
    return with_bytes(files, content, ".npz")


@broken("embeddings", r"more than this machine has.*\.npy")
def archive_that_promises_more_than_memory(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("X.npy", npy_bytes(arrays()))
        archive.filelist[0].file_size = 2**50
    return with_bytes(files, stream.getvalue(), ".npz")


@broken("embeddings", r"'X' promises.*export it again")
def member_that_promises_more_than_it_holds(files):
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000, 6), }"
    content = zipped({"X.npy": npy_with_header(text) + bytes(80)})
    return with_bytes(files, content, ".npz")


@broken("embeddings", "damaged or cut off: write it again")
def archive_that_is_cut_off(files):
    content = zipped({"X.npy": npy_bytes(arrays())})
    return with_bytes(files, content[:1000], ".npz")


@broken("embeddings", r"'first' \(60, 6\), 'second' \(60, 2\).*name one with key")
def several_matrices(files):
    files["embeddings"] = files["embeddings"].with_suffix(".npz")
    np.savez(files["embeddings"], first=arrays(), second=arrays()[:, :2])
    return files


@broken("embeddings", "save a 2-D array")
def vector(files):
    return with_array(files, arrays()[:, 0])


@broken("embeddings", r"4 dimensions.*X\.mean\(axis=\(2, 3\)\)")
def feature_maps(files):
    return with_array(files, np.ones((N, D, 2, 2)))


@broken("embeddings", r"3 dimensions.*X\.mean\(axis=1\)")
def tokens(files):
    return with_array(files, np.ones((N, 4, D)))


@broken("embeddings", "empty array.*export it again")
def no_rows(files):
    return with_array(files, np.empty((0, D)))


@broken("embeddings", r"complex.*np\.hstack")
def complex_numbers(files):
    return with_array(files, arrays().astype(complex))


@broken("embeddings", r"as a mask does.*astype\(np\.float32\)")
def mask(files):
    return with_array(files, arrays() > 0)


@broken("embeddings", r"instead of real numbers.*float32")
def text_array(files):
    return with_array(files, arrays().astype(str))


@broken("embeddings", r"no ids.*np\.savez")
def array_without_ids(files):
    files["options"]["id"] = "sample"
    return files


# Tensors


@broken("embeddings", r"Python objects besides tensors.*model\.state_dict\(\)")
def torch_file_with_code(files):
    torch = pytest.importorskip("torch")

    files["embeddings"] = files["embeddings"].with_suffix(".pt")
    torch.save({"X": payload(files)}, files["embeddings"])
    return files


@broken("head", r"is a pickle.*model\.state_dict\(\)")
def torch_file_of_old_format(files):
    head = files["metadata"].with_name("head.pt")
    head.write_bytes(pickle.dumps(payload(files)))
    files["options"]["head"] = head
    return files


@broken("embeddings", "damaged or cut off: write it again")
def damaged_safetensors(files):
    return with_bytes(files, struct.pack("<Q", 2**60) + b"{}", ".safetensors")


# Tables


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


# Rows


@broken("embeddings", r"60 rows.*59 rows.*add an id column")
def one_row_less(files):
    return with_table(files, table()[:-1])


@broken("metadata", r"no id column 'sample' \(did you mean 'Sample'\?\)")
def id_column_of_another_case(files):
    return with_ids(files, IDS, table().rename(columns={"sample": "Sample"}))


@broken("metadata", r"no id column 'sample'.*its columns are 'diagnosis', 'scanner'")
def no_id_column_in_metadata(files):
    return with_ids(files, IDS, table().drop(columns="sample"))


@broken("embeddings", r"1 id of 'sample' repeated \('s000'; 2 rows.*one row per id")
def repeated_ids_of_embeddings(files):
    return with_ids(files, ["s000", "s000", *IDS[2:]], table())


@broken("metadata", r"29 ids of 'sample' repeated.*'p1', 'p10', 'p11' and.*keep one")
def repeated_ids_of_metadata(files):
    metadata = table().assign(sample=table()["patient"])
    metadata.loc[0, "sample"] = "q0"
    return with_ids(files, [f"p{i}" for i in range(N)], metadata)


@broken("embeddings", r"2 of the 60 ids.*'s058', 's059'.*unmatched='drop'")
def ids_without_metadata(files):
    return with_ids(files, IDS, table()[:-2])


@broken("metadata", r"3 of the 60 ids.*not in.*'s057', 's058', 's059'")
def ids_without_embeddings(files):
    return with_ids(files, IDS[:-3], table())


@broken("embeddings", r"none of its 60 ids.*59 would match if leading zeros")
def ids_that_lost_their_zeros(files):
    padded = table().assign(sample=[f"{i:03d}" for i in range(N)])
    return with_ids(files, list(range(N)), padded)


@broken("embeddings", r"none of its 60 ids.*folders and file extensions are removed")
def ids_that_are_file_names(files):
    return with_ids(files, [f"scans/{id}.dcm" for id in IDS], table())


@broken("metadata", r"2 of its 60 rows have no id.*rows 0, 9.*fill them in")
def rows_without_id(files):
    metadata = table()
    metadata.loc[[0, 9], "sample"] = ""
    return with_ids(files, IDS, metadata)


@broken("metadata", r"'sample' are floating-point numbers.*save them as text")
def ids_that_were_rounded(files):
    metadata = table().assign(sample=1e19 + 1e5 * np.arange(N))
    files = with_ids(files, IDS, metadata)
    files["metadata"] = files["metadata"].with_suffix(".parquet")
    metadata.to_parquet(files["metadata"])
    return files


# Heads


@broken("head", r"no weights of 6 features.*\(2, 5\).*embeddings that enter this head")
def head_of_another_width(files):
    return with_head(files, "head.npz", weight=np.ones((2, 5)), bias=np.zeros(2))


@broken("head", r"'weight' looks transposed: save its \.T")
def transposed_head(files):
    return with_head(files, "head.npz", weight=np.ones((6, 2)), bias=np.zeros(2))


@broken("head", r"'b\.weight' \(2, 6\), 'a\.weight' \(3, 6\); name one with key")
def two_heads(files):
    weights = {"a.weight": np.ones((3, 6)), "b.weight": np.ones((2, 6))}
    return with_head(files, "head.npz", **weights)


@broken("head", "2 rows, so 2 finite intercepts are needed; found 3")
def intercepts_of_another_head(files):
    return with_head(files, "head.npz", coef=np.eye(2, 6), intercept=np.zeros(3))


@broken("head", "1 of 12 weights are NaN or infinite; export")
def head_with_a_missing_weight(files):
    weight = np.eye(2, 6)
    weight[1, 1] = np.nan
    return with_head(files, "head.npz", weight=weight, bias=np.zeros(2))


@broken("head", "2 rows of weights and 3 classes; save one row per class")
def head_of_another_number_of_classes(files):
    return with_head(files, "head.npz", weight=np.eye(2, 6), classes=[0, 1, 2])


@broken("head", r"no weights of 6 features.*no array")
def head_without_weights(files):
    head = files["metadata"].with_name("head.npz")
    head.write_bytes(zipped({}))
    files["options"]["head"] = head
    return files


# Found when the files are analysed


@broken("metadata", r"no column 'diagnosi'.*did you mean 'diagnosis'", "analysis")
def target_that_is_missing(files):
    files["options"]["target"] = "diagnosi"
    return files


@broken("metadata", r"target.*observed in 0 of 60 rows", "analysis")
def target_without_values(files):
    return with_table(files, table().assign(diagnosis=np.nan))


@broken("metadata", r"identifier-like: 100000 different values", "analysis")
def target_of_many_levels(files):
    many = 100_000
    with_array(files, np.random.default_rng(0).normal(2, 5, size=(many, 2)))
    lines = ["diagnosis,age", *(f"level {i},{i % 7}" for i in range(many))]
    return with_metadata(files, "\n".join(lines))


@broken("metadata", "constant: all 60 observed rows are 'ill'", "analysis")
def constant_target(files):
    return with_table(files, table().assign(diagnosis="ill"))


@broken("metadata", r"'age' holds 1 infinite values; replace", "analysis")
def infinite_metadata(files):
    metadata = table()
    metadata.loc[3, "age"] = np.inf
    return with_table(files, metadata)


@broken("embeddings", r"NaN: 2 non-finite.*rows 3, 8.*Drop those rows", "analysis")
def missing_embeddings(files):
    X = arrays()
    X[[3, 8], 2] = np.nan
    return with_array(files, X)


@broken("embeddings", r"infinity.*Drop those rows", "analysis")
def infinite_embeddings(files):
    X = arrays()
    X[5, 0] = np.inf
    return with_array(files, X)


@broken("embeddings", "rescale the embeddings", "analysis")
def embeddings_too_large_to_square(files):
    return with_array(files, arrays() * 1e200)
