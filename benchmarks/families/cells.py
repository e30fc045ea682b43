"""All families by name."""

from collections.abc import Callable

from benchmarks.families.consequences import consequences
from benchmarks.families.interactions import interactions
from benchmarks.families.interventions import interventions
from benchmarks.families.metadata import classes, kinds, levels
from benchmarks.families.networks import networks
from benchmarks.families.outputs import curves, detectable, noise
from benchmarks.families.patients import patients
from benchmarks.families.study import Cell

FAMILIES: dict[str, Callable[[], list[Cell]]] = {
    "noise": noise,
    "curves": curves,
    "kinds": kinds,
    "classes": classes,
    "levels": levels,
    "patients": patients,
    "detectable": detectable,
    "networks": networks,
    "interventions": interventions,
    "consequences": consequences,
    "interactions": interactions,
}


def list_cells(families=None, word: str = "") -> list[Cell]:
    """Cells of the families, or of all, whose names hold a word."""
    return [
        cell
        for name in families or FAMILIES
        for cell in FAMILIES[name]()
        if word in cell.name
    ]
