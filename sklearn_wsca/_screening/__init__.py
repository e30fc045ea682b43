"""A metadata table before any network: what could be a shortcut, what an audit finds.

Knows the table alone; what a network would give is simulated.
"""
