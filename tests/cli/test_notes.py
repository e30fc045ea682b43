"""Warnings as notes."""

import warnings

from sklearn_wsca._cli._notes import collect_warnings


def test_notes_are_for_users_and_not_for_programmers(capsys):
    notes = []
    with collect_warnings(notes):
        warnings.warn("old name", FutureWarning, stacklevel=1)
        warnings.warn("few\nrows", UserWarning, stacklevel=1)
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)
        warnings.warn("old call", DeprecationWarning, stacklevel=1)
    assert notes == ["few rows", "overflow"]
    assert capsys.readouterr().err == ("wsca: note: few rows\nwsca: note: overflow\n")
