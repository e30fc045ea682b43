"""The command line: arguments by click, tables and progress by rich.

The command itself is in `commands`.
"""
