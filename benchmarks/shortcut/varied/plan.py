"""Which networks are trained: every kind of image, network, target and artefact."""

from dataclasses import asdict, dataclass
from itertools import product

import numpy as np

from benchmarks.shortcut.varied.artefacts import ARTEFACTS
from benchmarks.shortcut.varied.images import TARGETS

IMAGES = ("digits", "textures")
ARCHITECTURES = ("residual", "transformer")
STRENGTHS = (0.4, 0.7, 1.0)
ASSOCIATIONS = (0.0, 0.4, 0.6, 0.8)
LEVELS = (2, 3)
# One in eight learns from images that come under random levels, and becomes blind.
BLIND = (True,) + 7 * (False,)


@dataclass(frozen=True)
class Configuration:
    """What a network is, and what it is trained on."""

    images: str
    architecture: str
    kind: str
    artefact: str
    strength: float
    association: float
    n_levels: int
    blind: bool
    seed: int

    @property
    def file_name(self) -> str:
        """Name of the file of the network's export."""
        kinds = (self.images, self.architecture, self.kind, self.artefact)
        return "-".join(kinds).replace(" ", "_") + ".npz"

    def describe(self) -> dict:
        """All of it, as entries of the export."""
        return asdict(self)


def plan_networks() -> list[Configuration]:
    """80 networks: kinds are crossed, the rest is spread over them at random."""
    kinds = list(product(IMAGES, ARCHITECTURES, TARGETS, ARTEFACTS))
    generator = np.random.default_rng(0)
    rest = [
        generator.permutation(np.resize(values, len(kinds))).tolist()
        for values in (STRENGTHS, ASSOCIATIONS, LEVELS, BLIND)
    ]
    return [
        Configuration(*kind, *values, seed)
        for seed, (kind, *values) in enumerate(zip(kinds, *rest, strict=True))
    ]


def plan_quick() -> list[Configuration]:
    """A few of them, which need no images of other packages."""
    return [one for one in plan_networks() if one.images == "digits"][3::13]
