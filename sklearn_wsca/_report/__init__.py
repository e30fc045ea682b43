"""Result of an analysis as one dict, and that dict in several formats.

The functions for users are in `sklearn_wsca.report`.
"""
