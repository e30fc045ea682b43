"""Options that take several values: ``--columns sex scanner``."""

from __future__ import annotations

import click


class ListCommand(click.Command):
    """Command whose options of lists (``COL...``) take several values in a row.

    ``--columns a b`` is read as ``--columns a --columns b``: the values end at the next
    option. After ``--`` nothing is an option. Other repeatable options, such as
    ``--target A --target B``, take one value at a time.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its values, and parse."""
        repeatable = {
            name
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)
            and parameter.multiple
            and parameter.nargs == 1
            and (parameter.metavar is None or parameter.metavar.endswith("..."))
            for name in parameter.opts
        }
        return super().parse_args(ctx, repeat_options(args, repeatable))


def repeat_options(args: list[str], repeatable: set[str]) -> list[str]:
    """Arguments in which each value of a repeatable option has its own option."""
    end = args.index("--") if "--" in args else len(args)
    expanded, current, n_values = [], None, 0
    for argument in args[:end]:
        is_option = argument.startswith("-") and argument != "-"
        if is_option:
            current, n_values = argument, 0
        elif current in repeatable:
            n_values += 1
            if n_values > 1:
                expanded.append(current)
        expanded.append(argument)
    return expanded + args[end:]
