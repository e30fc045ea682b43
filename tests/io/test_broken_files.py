"""Broken and hostile files give one line that names the file and the fix."""

import pickle
import re

import pytest

from sklearn_wsca.io import (
    FileError,
    load_embeddings,
    load_head,
    load_metadata,
    match_rows,
)
from tests.broken_files import MARKER, Payload, valid_files
from tests.broken_registry import REGISTRY

FOUND_BY_READER = [entry for entry in REGISTRY if entry.found_by == "reader"]
FOUND_BY_ANALYSIS = [entry for entry in REGISTRY if entry.found_by == "analysis"]


def read(files):
    """What the command line reads before the analysis."""
    options = files["options"]
    id = options.get("id")
    X = load_embeddings(files["embeddings"], id=id)
    y = load_metadata(files["metadata"], id=id)
    if "head" in options:
        load_head(options["head"], n_features=X.shape[1])
    return match_rows(X, y, names=(files["embeddings"], files["metadata"]))


def path_of(entry, files):
    path = files["options"]["head"] if entry.file == "head" else files[entry.file]
    return str(path).replace("\n", "\\n")


def test_registry_is_large_and_its_names_differ():
    assert len({entry.name for entry in REGISTRY}) == len(REGISTRY)
    assert len(FOUND_BY_READER) >= 45
    assert len(FOUND_BY_ANALYSIS) >= 5


@pytest.mark.parametrize("entry", FOUND_BY_READER, ids=lambda entry: entry.name)
def test_reader_says_what_is_wrong_on_one_line(entry, tmp_path):
    files = entry.build(tmp_path)
    with pytest.raises(FileError) as caught:
        read(files)
    assert type(caught.value) is FileError
    message = str(caught.value)
    assert message.startswith(path_of(entry, files) + ": ")
    assert message.isprintable()
    assert re.search(entry.fix, message)
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize("entry", FOUND_BY_ANALYSIS, ids=lambda entry: entry.name)
def test_what_the_analysis_finds_can_be_read(entry, tmp_path):
    files = entry.build(tmp_path)
    X, y, notes = read(files)
    assert len(X) == len(y) > 0
    assert notes == []


def test_payload_of_the_pickles_would_leave_a_marker(tmp_path):
    # Without this, "nothing was executed" could not fail.
    pickle.loads(pickle.dumps(Payload(tmp_path)))
    assert (tmp_path / MARKER).exists()


def test_key_of_a_file_with_one_matrix_is_refused(tmp_path):
    files = valid_files(tmp_path)
    with pytest.raises(FileError, match=r"key='X': a \.npy file holds one matrix"):
        load_embeddings(files["embeddings"], key="X")
