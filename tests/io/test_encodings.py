"""Encodings of text: by their marks, UTF-8, or Windows-1252 with a warning."""

import pytest

from tests.io.test_text import read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings(tmp_path, encoding):
    read = read_text(tmp_path, "Größe,name\n1.5,Zoë\n2.5,日本\n", encoding)
    assert list(read) == ["Größe", "name"]
    assert read["name"].tolist() == ["Zoë", "日本"]


def test_windows_encoding_is_read_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=r"y\.csv: .*Windows-1252.*ße,x.*UTF-8"):
        read = read_text(tmp_path, "Größe,x\n1.5,Zoë\n", "cp1252")
    assert list(read) == ["Größe", "x"]
    assert read["x"].tolist() == ["Zoë"]
