"""The command line: arguments by click, tables and progress by rich."""

from sklearn_wsca._cli._commands import wsca

__all__ = ["wsca"]
