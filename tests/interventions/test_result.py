"""A result in words and as a dict."""

import json

import numpy as np
import pytest

from sklearn_wsca._text import quote
from tests.interventions.studies import make_study, run


@pytest.mark.parametrize("n_repeats", [1, 2])
def test_words_hold_the_numbers(n_repeats):
    study = make_study(common=0.3, noise=0.2, n_repeats=n_repeats)
    found = run(*study, repeats=n_repeats > 1)
    text = found.to_text()
    assert f"{found.sensitivity:.2g} ({found.sensitivity_low:.2g} to" in text
    assert f"{found.shift:.2g} (" in text
    assert f"{found.flipped:.1%}" in text
    assert "p = 0.025" in text
    moves = found.effects.xs("all", level="target_class")["effect"]
    _, output = moves.abs().idxmax()
    own = moves.xs(output, level="output")
    assert found.shift_low > 0.0
    words = f"output {quote(output)} is highest under '{own.idxmax()}', lowest under"
    assert f"; {words} '{own.idxmin()}'" in text
    assert ("the noise of repeats" in text) == (n_repeats > 1)
    assert ("between repeats" in text) == (n_repeats > 1)
    assert ("noise of a repeated scan included" in text) == (n_repeats == 1)


def test_the_dict_is_json_and_holds_everything():
    outputs, table = make_study(common=0.3, noise=0.2)
    # Names that JSON does not have.
    level = table["level"].map({"scanner A": 1, "scanner B": 2.5, "scanner C": 3})
    found = run(outputs[:, 2], table.assign(level=level), target=False)
    result = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert result["sensitivity"]["estimate"] == found.sensitivity
    assert result["flipped"] == {"estimate": None, "low": None, "high": None}
    assert [entry["level"] for entry in result["levels"]] == [1, 2.5, 3]
    assert result["repeat_noise"] is None and result["includes_noise"] is True
    assert len(result["effects"]) == 3
    assert result["effects"][0]["effect"] == found.effects["effect"].iloc[0]
    assert len(result["units"]) == 40
    assert result["n_permutations"] == len(found.null_distribution) == 39
    assert np.isnan(found.flipped)


def test_markdown_holds_the_numbers():
    outputs, table = make_study(common=0.3, noise=0.2)
    level = table["level"].str.replace("scanner ", "scanner|")
    found = run(outputs, table.assign(level=level))
    text = found.to_markdown()
    assert f"- A single unit moves by {found.sensitivity:.2g} \\(" in text or (
        f"- A single unit moves by {found.sensitivity:.2g} (" in text
    )
    rows = [line for line in text.splitlines() if line.startswith("| scanner")]
    assert len(rows) == 9
    assert rows[0].startswith(
        f"| scanner\\|A | 0 | {found.effects['effect'].iloc[0]:.2g} "
    )
