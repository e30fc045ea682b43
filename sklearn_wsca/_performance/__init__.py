"""Consequences: how well a decision performs under each level of a column.

And whether it performs differently, at fixed target.
"""
