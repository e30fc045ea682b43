"""Images that maps are drawn over: an array, or a folder of pictures or volumes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._cli._errors import InputError, refuse
from sklearn_wsca._cli._notes import say
from sklearn_wsca._displays.activation_map import check_image_shape
from sklearn_wsca._text import list_first, quote
from sklearn_wsca.io import load_feature_maps

VOLUMES = (".nii.gz", ".nii")
SUFFIXES = (*VOLUMES, ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True)
class Images:
    """Images of samples, and what each is called.

    Parameters
    ----------
    source : array of shape (n_samples, ...) or list of Path
        Images in the order of the samples.
    names : list of str
        One for each sample.
    """

    source: Any
    names: list[str]

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Images of some samples, which must have one shape.

        Raises
        ------
        InputError
            If a file is no picture or volume, or they differ in shape or orientation.
        """
        if not isinstance(self.source, list):
            return np.stack([np.asarray(self.source[row]) for row in rows])
        files = [self.source[row] for row in rows]
        if all(file.name.lower().endswith(VOLUMES) for file in files):
            return _read_volumes(files)
        pictures = [_read_picture(file) for file in files]
        shapes = {picture.shape for picture in pictures}
        if len(shapes) > 1:
            raise InputError(
                f"--images: pictures have the shapes {list_first(sorted(shapes), 3)}; "
                "bring them to the size that the network saw."
            )
        return np.stack(pictures)

    def check(self, rows: np.ndarray, n_spatial: int) -> None:
        """Raise now if images of some samples could not be drawn under maps later."""
        with refuse({}):
            check_image_shape(self.take(rows).shape, n_spatial)


def find_images(
    path: Path | None,
    table: pd.DataFrame,
    max_size: int | None,
    column: str | None = None,
) -> Images | None:
    """Images of the samples of a table; None without a path.

    Files of a folder are matched by the column of the table that holds their names,
    with or without their suffix: the one that is named, or the only one that does;
    without one they are taken in the order of their names, which is said.

    Raises
    ------
    InputError
        If there are not as many as samples, the column that is named does not hold
        names of files, or several columns hold names of different files.
    """
    if path is None or not path.is_dir():
        _refuse_column(column)
    if path is None:
        return None
    if not path.is_dir():
        with refuse({"y": path}):
            array = load_feature_maps(path, max_size=max_size)
        _check_number(len(array), table, path)
        return Images(array, [f"row {row}" for row in range(len(array))])
    files = sorted(f for f in path.iterdir() if f.name.lower().endswith(SUFFIXES))
    named = _match(files, table, path, column)
    if named is None:
        _check_number(len(files), table, path)
        say(
            f"--images: no column holds the names of the files in {path}; the pictures "
            "are taken in the order of their names."
        )
        named = files
    return Images(named, [_name_of(file) for file in named])


def _name_of(file: Path) -> str:
    """Its name without the suffix, of which volumes may have two."""
    suffix = next(s for s in SUFFIXES if file.name.lower().endswith(s))
    return file.name[: -len(suffix)]


def _refuse_column(column: str | None) -> None:
    if column is not None:
        raise InputError(
            "--image-column names the files of a folder: pass the folder in --images."
        )


def _match(
    files: list[Path], table: pd.DataFrame, path: Path, column: str | None
) -> list[Path] | None:
    """Files in the order of the rows, by the column that names them all."""
    if column is not None and column not in table.columns:
        raise InputError(f"--image-column: METADATA has no column {quote(column)}.")
    by_name = _files_by_name(files)
    found = {}
    for name in table.columns if column is None else [column]:
        cells = table[name].map(lambda cell: Path(str(cell)).name)
        if cells.isin(by_name.keys()).all():
            found[name] = [by_name[cell] for cell in cells]
        elif column is not None:
            missing = cells[~cells.isin(by_name.keys())]
            raise InputError(
                f"--image-column: {path} has no file of one name "
                f"{list_first(missing, 3)}, of {len(missing)} in {quote(column)}."
            )
    if len({tuple(chosen) for chosen in found.values()}) > 1:
        raise InputError(
            f"--images: the columns {list_first(found)} name files in {path}, and not "
            "the same ones; choose the column of the images: --image-column."
        )
    return next(iter(found.values()), None)


def _files_by_name(files: list[Path]) -> dict[str, Path]:
    """Files by their names, and by those without a suffix that only one of them has."""
    stems = Counter(map(_name_of, files))
    alone = {_name_of(file): file for file in files if stems[_name_of(file)] == 1}
    return alone | {file.name: file for file in files}


def _check_number(n_images: int, table: pd.DataFrame, path: Path) -> None:
    if n_images != len(table):
        raise InputError(
            f"--images: {path} has {n_images} images for {len(table)} samples; pass "
            "one for each, in the order of MAPS, or a folder whose files a column of "
            "METADATA names."
        )


def _read_volumes(files: list[Path]) -> np.ndarray:
    """Volumes (n, x, y, z)."""
    with refuse({}):
        values = load_feature_maps(files)
    if values.shape[1] > 1:
        raise InputError(
            f"--images: {quote(str(files[0]))} holds {values.shape[1]} volumes; save "
            "the one that maps are to be drawn over."
        )
    return values[:, 0]


def _read_picture(file: Path) -> np.ndarray:
    """Picture (h, w) or (h, w, 3)."""
    from matplotlib.image import imread

    try:
        picture = imread(file)
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(
            f"--images: {quote(str(file))} cannot be read as a picture ({error}); "
            "export it again."
        ) from error
    return picture[..., :3] if picture.ndim == 3 else picture
