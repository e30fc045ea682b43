"""What is said of a file where the process that reads it gives no answer."""

import pytest

from sklearn_wsca.io import FileError
from sklearn_wsca.io._apart import parts_of


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("refuse", "holds nothing; write it again."),
        ("exceed", "its table would grow from 634 bytes to 9 GB once unpacked, as in"),
        ("fail", "cannot be read as odd file (KeyError: 'no such thing'); it may be"),
        ("crash", "cannot be read as odd file (its library crashed in reading it: "),
        ("take_memory", "this odd file would take more than 16.8 MB once unpacked"),
    ],
)
def test_one_line_names_the_file(task, words, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"content")
    task = f"tests.native.tasks:{task}"
    with (
        pytest.raises(FileError) as caught,
        parts_of("as typed.odd", "odd file", task, file, None) as parts,
    ):
        list(parts)
    assert str(caught.value).startswith(f"as typed.odd: {words}")
