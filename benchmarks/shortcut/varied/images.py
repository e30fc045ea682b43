"""Images that packages ship, with targets of four kinds."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

SIZE = 16
N_CLASSES = 10
SHARE_EXCHANGED = 0.15
SPREAD_OF_READERS = 0.5
THIRDS = (1 / 3, 2 / 3)
TARGETS = ("ten classes", "binary", "rare", "continuous")
# Pictures of scikit-image's wheel with enough structure for 250 patches each.
PICTURES = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
)
PATCHES_PER_PICTURE = 250
SMALLEST_SPREAD = 5.0  # of the 256 grey values; less is sky or background
CONTRAST = 0.18


@dataclass(frozen=True)
class Images:
    """Grey images in 0..1, the class of each and a number that it shows."""

    pixels: np.ndarray
    classes: np.ndarray
    amount: np.ndarray

    def target(self, kind: str) -> np.ndarray:
        """Target of one of the kinds; numbers in standard deviations."""
        if kind == "continuous":
            return (self.amount - self.amount.mean()) / self.amount.std()
        if kind == "binary":
            return (self.classes >= N_CLASSES // 2).astype(int)
        return (self.classes == 1).astype(int) if kind == "rare" else self.classes


def annotate(target: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Target as readers see it: some classes exchanged, numbers with an error."""
    if not np.issubdtype(target.dtype, np.integer):
        return target + SPREAD_OF_READERS * generator.standard_normal(len(target))
    annotated = target.copy()
    rows = np.flatnonzero(generator.random(len(target)) < SHARE_EXCHANGED)
    annotated[rows] = annotated[generator.permutation(rows)]
    return annotated


def load_images(name: str) -> Images:
    """Digits of scikit-learn, or patches of the pictures of scikit-image."""
    return {"digits": _load_digits, "textures": _load_textures}[name]()


def classes_or_thirds(target: np.ndarray) -> np.ndarray:
    """Classes, or which third of a continuous target."""
    if np.issubdtype(target.dtype, np.integer):
        return target
    return np.digitize(target, np.quantile(target, THIRDS))


def _load_digits() -> Images:
    """The amount is the ink."""
    source = load_digits()
    pixels = zoom(source.images / 16.0, (1, 2, 2), order=1)
    return Images(pixels, source.target, pixels.mean(axis=(1, 2)))


def _load_textures() -> Images:
    """The class is the picture, the amount is how much neighbouring pixels differ."""
    generator = np.random.default_rng(0)
    patches = np.concatenate([_draw_patches(name, generator) for name in PICTURES])
    classes = np.repeat(np.arange(N_CLASSES), PATCHES_PER_PICTURE)
    roughness = np.abs(np.diff(patches, axis=2)).mean(axis=(1, 2))
    return Images(patches, classes, roughness)


def _draw_patches(name: str, generator: np.random.Generator) -> np.ndarray:
    """Patches that do not overlap, of equal brightness and contrast."""
    grey = _read_grey(name)
    height, width = (size // SIZE for size in grey.shape)
    blocks = grey[: height * SIZE, : width * SIZE].reshape(height, SIZE, width, SIZE)
    patches = blocks.swapaxes(1, 2).reshape(-1, SIZE, SIZE)
    patches = patches[patches.std(axis=(1, 2)) > SMALLEST_SPREAD]
    patches = generator.permutation(patches)[:PATCHES_PER_PICTURE]
    patches = patches - patches.mean(axis=(1, 2), keepdims=True)
    spreads = patches.std(axis=(1, 2), keepdims=True)
    return np.clip(0.5 + CONTRAST * patches / spreads, 0.0, 1.0)


def _read_grey(name: str) -> np.ndarray:
    # Only these images need scikit-image.
    import skimage
    from skimage.io import imread

    picture = imread(Path(skimage.__file__).parent / "data" / name).astype(float)
    return picture if picture.ndim == 2 else picture[..., :3].mean(axis=2)
