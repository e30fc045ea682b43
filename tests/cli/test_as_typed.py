"""Arguments in messages become options of the command line."""

import pytest

from sklearn_wsca._cli._as_typed import as_typed


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("name it: groups='patient'.", "name it: --groups patient."),
        ("groups='Patient ID'", "--groups 'Patient ID'"),
        ('groups="the patient\'s"', "--groups 'the patient'\"'\"'s'"),
        ("columns=['sex', 'age']", "--columns sex age"),
        ("confounders=['age']", "--confounders age"),
        ("groups: 'patient' is target too", "groups: 'patient' is target too"),
        ("columns=[('a', b)]", "columns=[('a', b)]"),
        ("subgroups='a'", "subgroups='a'"),
    ],
)
def test_messages(message, expected):
    assert as_typed(message) == expected
