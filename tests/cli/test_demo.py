"""The demonstration."""

import re

from tests.command_runs import run_demo


def test_demo_prints_every_column_and_the_caveat(demo_output):
    rows, caveat = "368 held-out rows", "not proof of a cause"
    for words in ("hospital", "sex", "age", rows, caveat):
        assert words in " ".join(demo_output.split())
    assert "nan" not in demo_output


def test_demo_gives_a_verdict_and_a_sentence_for_every_column(demo_output):
    text = " ".join(demo_output.split())
    for name in ("hospital", "sex", "age"):
        assert re.search(
            rf"{name}: (not )?\w+\. (At the same|Most among those whose) rec", text
        )


def test_demo_writes_a_report_and_says_where(demo_folder, demo_output):
    assert "Report, to open in a browser: FOLDER/report.html\n" in demo_output
    page = (demo_folder / "report.html").read_text("utf-8")
    assert "hospital" in page and "</html>" in page
    assert (demo_folder / "result.json").exists()


def test_demo_gives_the_same_answer_twice(demo_folder, demo_output, tmp_path):
    assert run_demo(tmp_path) == demo_output
    for path in demo_folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert run_demo(tmp_path, "--seed", "3") != demo_output
