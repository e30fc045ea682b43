"""The page on the command line lists what the commands really have."""

import re
import shlex
from pathlib import Path

import pytest

click = pytest.importorskip("click")

from sklearn_wsca._cli import _output  # noqa: E402
from sklearn_wsca._cli._errors import BAD_INPUT  # noqa: E402
from sklearn_wsca._cli.commands import (  # noqa: E402
    FOUND,
    wsca,
)

PAGE = Path(__file__).parent.parent / "docs" / "command_line.md"
TEXT = PAGE.read_text("utf-8")
COMMANDS = sorted(wsca.commands)
NUMBERS = (type(click.INT), type(click.FLOAT))


def options_of(command):
    return [p for p in wsca.commands[command].params if isinstance(p, click.Option)]


def names_of(option):
    return option.opts + option.secondary_opts


def row_of(option):
    """Row of the table of options, in the words of the command's own help."""
    is_number = isinstance(option.type, NUMBERS) and not option.is_flag
    values = f" {option.metavar or 'NUMBER'}" if option.metavar or is_number else ""
    names = " / ".join(f"`{name}{values}`" for name in names_of(option))
    words = [option.help]
    if isinstance(option.type, click.Choice):
        choices = ", ".join(f"`{choice}`" for choice in option.type.choices)
        words.append(f"One of {choices}.")
    if option.show_default:
        words.append(f"Default: `{option.default}`.")
    return f"| {names} | {' '.join(words)} |"


def section_of(command):
    """What the page says under the heading of the command."""
    parts = re.split(r"^## (.+)$", TEXT, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    return sections[f"Options of wsca {command}"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_table_of_options_is_that_of_the_command(command):
    expected = [row_of(option) for option in options_of(command)]
    assert len(expected) >= 3
    rows = re.findall(r"^\| `--.+\|$", section_of(command), re.MULTILINE)
    assert rows == expected, "\n".join(["paste these rows:", *expected])


def test_no_option_is_named_that_does_not_exist():
    known = {n for c in COMMANDS for option in options_of(c) for n in names_of(option)}
    known |= {name for option in wsca.params for name in names_of(option)}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", TEXT))
    assert len(named) > 20
    assert sorted(named - known - {"--help"}) == []


def test_every_command_and_exit_code_is_described():
    for command in COMMANDS:
        assert f"`wsca {command}`" in TEXT
    for code in (0, 1, BAD_INPUT, FOUND):
        assert re.search(rf"^\| {code} \|", TEXT, re.MULTILINE), code


# Files of each table of the page.
WRITTEN = {
    "`wsca audit` and `wsca demo`": {_output.REPORT, _output.SUMMARY, _output.RESULT},
    "`wsca audit --network ...`": _output.AUDIT_FILES
    - {_output.REPORT, _output.RESULT},
    "`wsca compare`": _output.COMPARISON_FILES,
    "`wsca features`": _output.FEATURE_FILES,
    "`wsca intervene`": _output.INTERVENTION_FILES,
    "`wsca repair`": _output.REPAIR_FILES,
    "`wsca screen`": _output.SCREEN_FILES,
}


def files_of(title):
    """Files that the table of a command lists, with every suffix that they may have."""
    rows = TEXT.split(f"\n\n| {title} | holds |\n|---|---|\n")[1].split("\n\n")[0]
    for names, text in re.findall(r"^\| (`.+?) \| (.+) \|$", rows, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", names):
            suffixes = [""] if "." in name else _output.REPAIRED_SUFFIXES
            assert all(suffix[1:] in text for suffix in suffixes), name
            yield from (name + suffix for suffix in suffixes)


@pytest.mark.parametrize("title", WRITTEN)
def test_the_files_that_are_listed_are_those_that_a_command_writes(title):
    assert sorted(files_of(title)) == sorted(WRITTEN[title])


def test_every_command_has_a_table_of_its_files():
    named = {name for title in WRITTEN for name in re.findall(r"wsca (\w+)", title)}
    assert named == set(COMMANDS)


def pipeline_commands():
    """Commands of the pipeline, which is the only one that the tests do not run."""
    (pipeline,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    joined = re.sub(r"\n {8,}", " ", pipeline)
    return [
        shlex.split(line)[2:]
        for line in joined.splitlines()
        if line.strip().startswith("- wsca ")
    ]


def test_the_commands_of_the_pipeline_are_valid(tmp_path):
    commands = pipeline_commands()
    assert commands
    for name, *arguments in commands:
        command = wsca.commands[name]
        with command.make_context(name, arguments) as context:
            assert context.params["fail_on"]
            assert context.params["held_out"]
    with pytest.raises(click.NoSuchOption):
        wsca.commands["audit"].make_context("audit", ["--no-such-option"])
