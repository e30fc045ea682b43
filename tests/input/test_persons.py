"""Rows of one patient without groups: told by the name, or by what it tells."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._input.persons import find_names, warn_of_persons

N_PATIENTS, IMAGES = 40, 4
N = N_PATIENTS * IMAGES
OF_ROW = np.repeat(np.arange(N_PATIENTS), IMAGES)
GENERATOR = np.random.default_rng(1)


def per_patient(*values):
    return np.array(values)[GENERATOR.integers(0, len(values), N_PATIENTS)][OF_ROW]


def per_row(*values):
    return np.array(values)[GENERATOR.integers(0, len(values), N)]


DISEASE, SEX = per_patient("ill", "well"), per_patient("f", "m")
VIEW = per_row("left", "right")
CODE = 7 * GENERATOR.permutation(N_PATIENTS)[OF_ROW] + 1003
ICD = np.array([f"C{i}" for i in range(30)])[GENERATOR.integers(0, 30, N)]
ICD_ILL = np.where(pd.Series(ICD).str[1:].astype(int) % 2 > 0, "ill", "well")
AGES = GENERATOR.integers(20, 80, N)


def table(**columns):
    return pd.DataFrame({"disease": DISEASE, "sex": SEX, "view": VIEW} | columns)


def messages(found, groups=None, target="disease"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_persons(found, target, groups, stacklevel=2)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("name", ["patient", "Subject_ID", "MRN"])
@pytest.mark.parametrize("as_text", [False, True])
def test_by_name(name, as_text):
    codes = pd.Series(CODE).map(lambda code: f"p{code:05d}") if as_text else CODE
    (message,) = messages(table(**{name: codes}))
    assert message.startswith(f"groups: {N} rows share {N_PATIENTS} values of '{name}'")
    assert message.endswith(f"groups='{name}'.")


def test_by_what_it_tells():
    (message,) = messages(table(kennung=CODE))
    assert "'kennung' (40 values in 160 rows) share 'disease' and 'sex' too" in message
    assert message.endswith("groups='kennung'.")


def test_a_wrong_cell_does_not_hide_it():
    sex = SEX.copy()
    sex[5] = "m" if sex[5] == "f" else "f"
    assert messages(table(kennung=CODE, sex=sex))


def test_groups_that_are_parts_of_a_patient():
    studies = table(patient=CODE, study=np.arange(N) // 2)
    (message,) = messages(studies, groups="study")
    assert message.startswith("groups: 80 'study' share 40 values of 'patient'")
    assert not messages(studies, groups="patient")


NO_PATIENTS = {
    "nobody twice": table(patient=np.arange(N) + 1000),
    "patient or control": table(patient=per_row("patient", "control")),
    "true or false": table(patient=DISEASE == "ill"),
    "prothrombin time": table(PT=per_row(11.9, 12.4, 13.0, 13.1, 14.2, 15.0)),
    "a score": table(subject=per_row(1.5, 2.0, 2.5, 3.0, 3.5, 4.0)),
    "property of a patient": table(patient_age=AGES),
    "age": table(age=AGES),
    "age in days": table(age_days=GENERATOR.integers(7000, 29000, N)),
    "hospital of many": table(hospital=per_row(*range(25))),
    "no values": table(patient=np.full(N, np.nan)),
    "code of the disease": table(
        disease=ICD_ILL, icd=ICD, chapter=pd.Series(ICD).str[:2] + ICD_ILL, sex=VIEW
    ),
    "tells the disease only": table(disease=ICD_ILL, icd=ICD, sex=VIEW),
    "tells all but the disease": table(disease=VIEW, device=CODE),
}


@pytest.mark.parametrize("found", NO_PATIENTS.values(), ids=NO_PATIENTS)
def test_no_patients(found):
    assert messages(found) == []


def test_families_hold_patients():
    families = table(patient=CODE, family=OF_ROW // 2)
    assert messages(families, groups="family") == []


def test_names_are_left_out_unless_asked_for():
    found = table(patient=CODE, row_id=GENERATOR.permutation(N) * 3, age=AGES)
    reasons = find_names(found, found.columns)
    assert list(reasons) == ["patient", "row_id"]
    X = GENERATOR.normal(size=(N, 5)) * [1, 9, 0.1, 2, 3] + 4.0
    options = {"n_permutations": 0, "random_state": 0}
    with pytest.warns(UserWarning, match="groups='patient'"):
        fitted = WeightSpaceCorrelation("disease", **options).fit(X, found)
    assert fitted.dropped_columns_ == reasons
    with pytest.warns(UserWarning, match="groups='patient'"):
        asked = WeightSpaceCorrelation(
            "disease", columns=["patient", "row_id", "age"], **options
        ).fit(X, found)
    assert asked.dropped_columns_ == {}
