"""Options that one command has: named once, in words that end, and typed as shown."""

import click
import pytest

from sklearn_wsca._cli.commands import wsca


def options_of(command):
    return [one for one in command.params if isinstance(one, click.Option)]


@pytest.mark.parametrize("name", sorted(wsca.commands))
def test_no_option_stands_twice_and_each_says_what_it_is(name):
    options = options_of(wsca.commands[name])
    typed = [opt for option in options for opt in option.opts]
    assert len(typed) == len(set(typed))
    for option in options:
        assert option.help and option.help.rstrip()[-1] in ".)", option.opts


@pytest.mark.parametrize("name", ["compare", "repair"])
def test_verdicts_that_end_with_exit_code_3_are_typed_without_blanks(name):
    (option,) = [o for o in options_of(wsca.commands[name]) if "--fail-on" in o.opts]
    assert len(option.type.choices) >= 3
    assert all(" " not in choice for choice in option.type.choices)
