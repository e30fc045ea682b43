"""Columns that count or name rows, and columns that only look like it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.row_names import describe_row_names, is_person_name

N = 60
GENERATOR = np.random.default_rng(0)
GAPS = np.sort(GENERATOR.choice(9000, N, replace=False))
AGE_IN_DAYS = GENERATOR.permutation(GAPS) + 9000

ROW_NUMBERS = {
    "pandas, filtered": ("Unnamed: 0", GAPS),
    "pandas, saved twice": ("Unnamed: 0.1", np.arange(N)),
    "pandas, shuffled": ("index", GENERATOR.permutation(GAPS)),
    "pandas, parts joined": ("Unnamed: 0", np.tile(np.arange(N // 3), 3)),
    "pandas, as floats": ("level_0", GAPS * 1.0),
    "readr": ("...1", GAPS + 1),
    "R": ("X", GAPS + 1),
    "R, by name": ("row.names", GAPS),
    "data.table": ("rn", GAPS),
    "no name": ("", np.arange(N)),
    "image": ("image_id", GAPS + 70_000),
    "accession": ("ImageID", GAPS),
    "patients, one row each": ("patient", GAPS + 1000),
    "one row twice": ("id", np.append(GAPS[:-1], GAPS[0])),
}
PROPERTIES = {
    "age in days": ("age_days", AGE_IN_DAYS),
    "age in days, sorted": ("age_in_days", np.sort(AGE_IN_DAYS)),
    "date of the scan": ("study_date", GAPS + 20_190_000),
    "a cell without header": ("Unnamed: 3", np.arange(N) % 2),
    "text without header": ("Unnamed: 3", np.array(["f", "m"])[np.arange(N) % 2]),
    "numbers with a point": ("index", GAPS + 0.5),
    "device": ("scanner_id", np.arange(N) % 7),
    "slices of volumes": ("slice", np.tile(np.arange(N // 3), 3)),
    "coordinates of patches": ("x", np.tile(np.arange(N // 3), 3)),
    "a word with id": ("lipid", GAPS),
    "an index of mass": ("body_mass_index", np.round(GENERATOR.normal(25, 4, N))),
    "dates": ("index", pd.date_range("2020-01-01", periods=N)),
    "few rows": ("id", [3, 1, 2]),
    "no values": ("id", [None] * N),
    "lists": ("id", [[1]] * N),
}


@pytest.mark.parametrize(("name", "values"), ROW_NUMBERS.values(), ids=ROW_NUMBERS)
def test_row_numbers(name, values):
    reason = describe_row_names(pd.Series(values, name=name))
    assert reason.startswith("identifier-like: ") and "row numbers" in reason


@pytest.mark.parametrize(("name", "values"), PROPERTIES.values(), ids=PROPERTIES)
def test_properties(name, values):
    assert describe_row_names(pd.Series(values, name=name)) is None


@pytest.mark.parametrize(
    "name",
    [
        *("patient", "Patients", "patient_id", "PatientID", "patient.id", "PATIENT ID"),
        *(
            "anon_patient_id",
            "id_patient",
            "subject",
            "subject_id",
            "SUBJECT_ID",
            "sub",
        ),
        *("USUBJID", "participant_id", "person_id", "PTID", "mrn", "MRN", "pid", "eid"),
        *("record_id", "case_submitter_id", "case_id", "donor_id", "patient_nr"),
        *("Patienten-ID", "patientennummer", "Proband", "empi_anon", "IID", "mouse id"),
    ],
)
def test_names_of_persons(name):
    assert is_person_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("patient_age", "PatientSex", "patient_position", "n_patients", "inpatient"),
        *("case", "donor", "mouse", "PT", "subjective", "personal_history", "pt_stage"),
        *("image_id", "scanner", "site_id", "subtype", "patient_label", "age", 3, ""),
    ],
)
def test_names_of_properties(name):
    assert not is_person_name(name)
