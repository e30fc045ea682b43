"""Where files are: one line each, whole, with what it is for."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from sklearn_wsca._cli._paths import say_where


def test_each_path_is_a_line_however_long():
    stream = StringIO()
    folder = Path("/data") / ("long " * 30)
    paths = [folder / name for name in ("report.html", "other.csv", "maps.png")]
    say_where(Console(file=stream, width=40), paths)
    lines = stream.getvalue().splitlines()
    assert lines[0] == ""
    assert lines[1] == f"Report, to open in a browser: {paths[0]}"
    assert lines[2] == str(paths[1])
    assert lines[3].endswith(f"no effect: {paths[2]}")
