"""The figures and tables of both papers, on public data."""
