"""Answers in the terminal."""

import numpy as np
import pytest

from tests.command_runs import FILES, audit, result_of, save

pytestmark = pytest.mark.usefixtures("no_figures")


class TestTerminal:
    def test_every_column_has_its_verdict_and_answer(self, folder, printed):
        text = " ".join(printed.stdout.split())
        for column in result_of(folder)["columns"]:
            assert f"{column['name']}: {column['verdict']}" in text
            assert column["lead"] in text

    def test_files_are_named_so_that_they_can_be_copied(self, folder, printed):
        for name in FILES:
            assert f"{folder / 'out' / name}\n" in printed.stdout

    def test_a_pipe_gets_plain_text(self, printed):
        assert "\x1b" not in printed.stdout and printed.stderr == ""

    def test_a_fitted_head_is_said(self, folder):
        printed = audit(folder, head=False, out="fitted")
        text = " ".join(printed.stdout.split())
        assert "No trained head was given" in text
        assert text.startswith("The linear model fitted here is right on 'target' in")
        assert "Keep in mind: - No rows were held out from the analysis, but" in text

    def test_rows_that_may_be_those_of_the_head_are_the_first_caveat(
        self, folder, printed
    ):
        known = audit(folder, "--rows-are-held-out", out="known").stdout
        first, caveats = "by chance 50%), judged on 300 rows.", "Keep in mind: - "
        text = " ".join(printed.stdout.split())
        assert text.index(first) < text.index(caveats)
        assert f"{caveats}These rows are not known to be held out" in text
        assert "not known to be held out" not in " ".join(known.split())
        assert "judged on 300 rows that it has not seen." in " ".join(known.split())

    def test_it_ends_with_what_to_do_next(self, folder, printed):
        text = " ".join(printed.stdout.split())
        end = text.index("What to do next: - Audit rows that the network was not")
        assert text.index("Keep in mind:") < text.index("column") < end
        assert end < text.index("Report, to open in a browser")
        for step in result_of(folder)["next_steps"][2:]:
            assert step in text

    def test_names_are_printed_literally(self, used, tmp_path):
        name = "[bold]x[/bold]\x1b[31m"
        metadata = used.metadata.rename(columns={"scanner": name})
        save(tmp_path, type(used)(**(used | {"metadata": metadata})))
        printed = audit(tmp_path)
        assert "\x1b" not in printed.stdout
        assert r"[bold]x[/bold]\x1b[31m: used" in " ".join(printed.stdout.split())

    def test_many_columns_answer_for_those_in_use_only(self, used, tmp_path):
        generator = np.random.default_rng(0)
        noise = {f"noise {i}": generator.choice(list("ab"), 300) for i in range(25)}
        metadata = used.metadata[["target", "scanner"]].assign(**noise)
        save(tmp_path, type(used)(**(used | {"metadata": metadata})))
        printed = " ".join(audit(tmp_path, "--permutations", "999").stdout.split())
        assert "scanner: used. " in printed
        assert "noise 3: " not in printed and "noise 3" in printed
