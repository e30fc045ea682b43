"""Feature maps from files: one map per sample and feature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sklearn_wsca._backend.memory_size import read_size
from sklearn_wsca.io._array_file import Shape
from sklearn_wsca.io._array_formats import ARRAY_FORMATS
from sklearn_wsca.io._arrays import open_npy
from sklearn_wsca.io._errors import file_error
from sklearn_wsca.io._nifti import files_in, is_nifti, read_volumes
from sklearn_wsca.io._paths import known_suffix, regular_file

FEWEST, MOST = 2, 5
RESAVE = "np.save('maps.npy', array)"
REMEDY = (
    "save real numbers of shape (n_samples, n_features, *spatial) with up to three "
    "spatial dimensions"
)


def load_feature_maps(
    path: Any, *, key: str | None = None, max_size: int | str | None = None
) -> np.ndarray:
    r"""Read feature maps of shape (n_samples, n_features, \*spatial), or pooled ones.

    Nothing is ever unpickled.

    Parameters
    ----------
    path : str, path or list of path
        The file: .npy stays on disk and is read in blocks (a memory map); .npz,
        .safetensors, .pt and .pth are read as a whole. Of volumes, .nii and .nii.gz,
        one file is one sample with the axes (x, y, z, features), or (x, y, z) for a
        single feature: pass a folder, whose files are read by the order of their names,
        or a list of files in the order of the samples.
    key : str, default=None
        Name of the array in a file that holds several.
    max_size : int or str, default=None
        Bytes that what is read may take in memory, such as "8GB"; None: half of the
        memory at hand, and no more than 500 times what is stored. Files .npy are
        read from disk and not counted.

    Returns
    -------
    ndarray of shape (n_samples, n_features[, \*spatial])
        With one to three spatial dimensions.

    Raises
    ------
    FileError
        If the file cannot be used; one line with its name and what to do.
    ImportError
        If the package that reads this format is not installed.

    See Also
    --------
    save_nifti_maps : Writes maps beside volumes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn_wsca.io import load_feature_maps
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "maps.npy", np.ones((4, 8, 7, 7)))
    ...     maps = load_feature_maps(Path(folder) / "maps.npy")
    >>> maps.shape
    (4, 8, 7, 7)
    """
    limit = read_size(max_size)
    volumes = _volumes_of(path)
    if volumes:
        return _load_volumes(volumes, key, limit)
    file = regular_file(path)
    suffix = known_suffix(path, [".npy", *ARRAY_FORMATS], "feature maps", RESAVE)
    if suffix == ".npy":
        if key is not None:
            raise file_error(
                path, f"key={key!r}: a .npy file holds one array; leave out key."
            )
        maps = open_npy(path, file)
    else:
        arrays = ARRAY_FORMATS[suffix](path, file, limit)
        name = arrays.choose("feature maps", _fits, REMEDY) if key is None else key
        maps = arrays.require(name, "key")
    return _check_maps(path, maps)


def _volumes_of(path: Any) -> list:
    """Files of NIfTI that are meant; none if it is another kind of file."""
    if isinstance(path, (list, tuple)):
        if not path:
            raise ValueError("path: an empty list; name one file for each sample.")
        return list(path)
    if is_nifti(path):
        return [path]
    return files_in(Path(path)) if Path(path).is_dir() else []


def _load_volumes(volumes: list, key: str | None, limit: int | None) -> np.ndarray:
    if key is not None:
        raise file_error(
            volumes[0], f"key={key!r}: a volume holds one array; leave out key."
        )
    return _check_maps(volumes[0], read_volumes(volumes, limit))


def _check_maps(path: Any, maps: np.ndarray) -> np.ndarray:
    if not _fits(maps.shape) or maps.dtype.kind not in "fiu":
        raise file_error(
            path,
            f"holds an array of shape {maps.shape} and type {maps.dtype!s:.40}; "
            f"{REMEDY}.",
        )
    return maps


def _fits(shape: Shape) -> bool:
    return FEWEST <= len(shape) <= MOST and 0 not in shape
