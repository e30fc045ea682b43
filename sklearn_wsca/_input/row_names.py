"""Columns that name rows or patients instead of describing them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._input.numeric_values import DATES, numbers_or_none

FEWEST_ROWS = 10
# Share of different values, and of steps by one from row to row, of row numbers.
MOSTLY = 0.9
# What pandas, R and spreadsheets call the numbers of the rows they write; others do so
# too, but also have columns of that name.
INDEX_NAMES = re.compile(
    r"|unnamed: ?\d+(\.\d+)?|\.\.\.1|index|level_0|_*index_level_\d+_*|rn|"
    r"row[ ._]?(names?|id|no|nr|num|number|index)?",
    re.IGNORECASE,
)
NAMES_A_ROW = {
    "id",
    "ids",
    "idx",
    "uid",
    "uuid",
    "guid",
    "identifier",
    "obs",
    "x",
    "v1",
}
NUMBER_OF = "id|ids|uid|guid|uuid|no|nr|num|number|nummer|code|key|name|hash"
PERSONS = "patient|subject|subj|sub|participant|person|individual|proband"
# A case may be the opposite of a control, a donor a property, and PT a lab value.
OTHERS = "case|pt|donor|animal|mouse|paciente|paziente|sujet|sujeto"
# By themselves: of CDISC, UK Biobank, ADNI, PLINK, REDCap, TCGA and hospitals.
PERSON_NAMES = re.compile(
    rf"((anon|anonymi[sz]ed|pseudo|deid|source) )?({PERSONS})s?( ({NUMBER_OF}))*|"
    rf"({OTHERS})( submitter)?( ({NUMBER_OF}))+|({NUMBER_OF}) ({PERSONS}|{OTHERS})|"
    rf"patienten?(in)? ?({NUMBER_OF})|bcr patient barcode|record id|empi( anon)?|"
    r"(usubj|subj|pat|pt|ptn|prob)(id|nr|no)|mrn|pid|eid|iid"
)


def name_words(name: Any) -> str:
    """Words of a column name: PatientID, patient_id and patient.id are the same."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", str(name))
    return " ".join(re.split(r"[\W_]+", text)).strip().casefold()


def is_person_name(name: Any) -> bool:
    """Whether a column has a name such as patient, subject_id or MRN."""
    return PERSON_NAMES.fullmatch(name_words(name)) is not None


def describe_row_names(series: pd.Series) -> str | None:
    """Why a column is no property of its rows but their number; None if it may be one.

    Told by name and values together: whole numbers that (nearly) all differ under a
    name such as `Unnamed: 0`, `image_id` or `patient`, or that count up from row to row
    under one such as `Unnamed: 0`.
    """
    words = name_words(series.name)
    is_index = INDEX_NAMES.fullmatch(str(series.name).strip()) is not None
    if not (is_index or NAMES_A_ROW & set(words.split()) or is_person_name(words)):
        return None
    numbers = whole_numbers(series)
    if numbers is None or len(numbers) < FEWEST_ROWS:
        return None
    distinct = len(np.unique(numbers))
    if distinct >= MOSTLY * len(numbers):
        found = f"{distinct} different whole numbers in {len(numbers)} rows"
    elif is_index and np.mean(np.diff(numbers) == 1) >= MOSTLY:
        found = "whole numbers that count up from row to row"
    else:
        return None
    return (
        f"identifier-like: its name, and {found}, are those of row numbers; name it in "
        "columns if it is a property of the rows"
    )


def whole_numbers(series: pd.Series) -> np.ndarray | None:
    """Numbers of a column without missing values, if all are whole."""
    numbers = known_numbers(series)
    if numbers is None or not np.array_equal(numbers, np.round(numbers)):
        return None
    return numbers


def known_numbers(series: pd.Series) -> np.ndarray | None:
    """Numbers of a column that are not missing; None if it holds anything else."""
    observed = series.dropna()
    if not len(observed) or isinstance(observed.iloc[0], DATES):
        return None
    try:
        return numbers_or_none(observed)
    except ValueError:  # Said where the column is read.
        return None
