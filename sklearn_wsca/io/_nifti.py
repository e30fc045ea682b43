"""Volumes of NIfTI: maps of samples read from files, and written beside images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca.io._errors import file_error, library_errors
from sklearn_wsca.io._paths import regular_file
from sklearn_wsca.io._sizes import check_unpacked_size

WHAT = "NIfTI file"
SUFFIXES = (".nii", ".nii.gz")
N_AXES = 3
BYTES_PER_NUMBER = 8
# Of coordinates that are said to be those of a scanner.
SCANNER = 1


def is_nifti(path: Any) -> bool:
    """Whether a name is that of a volume."""
    return Path(path).name.lower().endswith(SUFFIXES)


def files_in(folder: Path) -> list[Path]:
    """Volumes in a folder by their names; what begins with a dot is none."""
    found = (file for file in folder.iterdir() if is_nifti(file))
    return sorted(file for file in found if not file.name.startswith("."))


def read_volumes(paths: Sequence[Any], max_size: int | None) -> np.ndarray:
    """Maps (n, C, x, y, z) of files with (x, y, z) or (x, y, z, C), one per sample.

    Raises
    ------
    FileError
        If a file cannot be read, or differs from the first in shape or orientation.
    ImportError
        If nibabel is not installed.
    """
    volumes = [_open(path) for path in paths]
    first = volumes[0]
    for path, volume in zip(paths, volumes, strict=True):
        _check_like_first(path, volume, paths[0], first)
    declared = len(paths) * math.prod(first.shape) * BYTES_PER_NUMBER
    stored = sum(Path(path).stat().st_size for path in paths)
    check_unpacked_size(paths[0], f"{len(paths)} volumes", declared, stored, max_size)
    read = []
    for path, volume in zip(paths, volumes, strict=True):
        with library_errors(path, WHAT):
            values = np.asanyarray(volume.dataobj)
        channels = values.shape[N_AXES:] or (1,)
        flat = values.reshape(*values.shape[:N_AXES], *channels)
        read.append(np.moveaxis(flat, N_AXES, 0))
    return np.stack(read)


def save_nifti_maps(maps: Any, images: Sequence[Any], folder: Any) -> list[Path]:
    r"""Write one NIfTI file per map, which lies over its image in any viewer.

    Maps may be coarser than images: their voxels get the size and the place that they
    cover of the image, without interpolation.

    Parameters
    ----------
    maps : array-like of shape (n_samples, x, y, z)
        Maps, such as `CommonScale` returns, with the axes in the order of the images.
    images : sequence of path
        NIfTI file of the image of each map, of which the affine is taken.
    folder : path
        Where to write ``NAME_map.nii.gz`` for every image ``NAME.nii`` or
        ``NAME.nii.gz``; made if it does not exist. Files of these names are replaced.

    Returns
    -------
    list of Path
        The files, in the order of the maps.

    Raises
    ------
    FileError
        If an image cannot be read, is no volume, or two have the same name.
    ImportError
        If nibabel is not installed.
    ValueError
        If there is not one image for each map, or maps hold NaN or infinity.

    See Also
    --------
    load_feature_maps : Reads maps of NIfTI.

    Notes
    -----
    With the affine A of an image and f image voxels per map voxel along an axis, voxel
    v of the map lies at :math:`A (f v + (f - 1) / 2)`: both cover the same box.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import nibabel
    >>> import numpy as np
    >>> from sklearn_wsca.io import save_nifti_maps
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     image = nibabel.Nifti1Image(np.ones((8, 8, 4), np.float32), np.eye(4))
    ...     nibabel.save(image, Path(folder) / "scan.nii.gz")
    ...     (file,) = save_nifti_maps(
    ...         np.ones((1, 4, 4, 2)), [Path(folder) / "scan.nii.gz"], folder
    ...     )
    ...     print(file.name, nibabel.load(file).affine[0].tolist())
    scan_map.nii.gz [2.0, 0.0, 0.0, 0.5]
    """
    library = import_extra("nibabel", "io", _needed())
    maps = np.asarray(maps)
    if maps.ndim != 1 + N_AXES or 0 in maps.shape or maps.dtype.kind not in "fiub":
        raise ValueError(
            f"maps: an array of shape {maps.shape} and type {maps.dtype}; pass one map "
            "per sample, (n_samples, x, y, z)."
        )
    broken = np.flatnonzero(~np.isfinite(maps).reshape(len(maps), -1).all(axis=1))
    if len(broken):
        raise ValueError(
            f"maps: {len(broken)} of {len(maps)} hold NaN or infinity, the first is "
            f"number {broken[0]} (counted from 0); leave them out, with their images."
        )
    if len(images) != len(maps) or isinstance(images, (str, Path)):
        raise ValueError(
            f"images: {len(images)} for {len(maps)} maps; pass the file of the image "
            "of each."
        )
    folder = Path(folder)
    names = [_stem(image) for image in images]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise file_error(
                images[number],
                f"is the second image named {name!r}, whose maps would replace each "
                "other; write them into different folders.",
            )
    pictures = [_open(image) for image in images]
    for path, picture in zip(images, pictures, strict=True):
        if len(picture.shape) < N_AXES:
            raise file_error(path, f"has the shape {picture.shape}, and is no volume.")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, one, picture in zip(names, maps, pictures, strict=True):
        affine = _coarser(picture.affine, picture.shape[:N_AXES], one.shape)
        made = library.Nifti1Image(one.astype(np.float32), affine)
        made.set_sform(affine, code=_code_of(picture))
        made.header.set_xyzt_units(*picture.header.get_xyzt_units())
        written.append(folder / f"{name}_map.nii.gz")
        library.save(made, written[-1])
    return written


def _open(path: Any) -> Any:
    """Header of a volume, whose values are read later."""
    library = import_extra("nibabel", "io", _needed())
    file = regular_file(path)
    if not is_nifti(path):
        raise file_error(path, f"is no volume; name files {' or '.join(SUFFIXES)}.")
    with library_errors(path, WHAT):
        return library.load(file)


def _needed() -> str:
    return "NIfTI files need nibabel, which is not installed"


def _check_like_first(path: Any, volume: Any, first_path: Any, first: Any) -> None:
    if len(volume.shape) not in (N_AXES, N_AXES + 1):
        raise file_error(
            path,
            f"holds a volume of shape {volume.shape}; save (x, y, z), or (x, y, z, "
            "features).",
        )
    if volume.shape != first.shape:
        raise file_error(
            path,
            f"holds a volume of shape {volume.shape}, and {first_path} one of "
            f"{first.shape}; bring all samples to one shape.",
        )
    own, others = _orientation(volume), _orientation(first)
    if own != others:
        raise file_error(
            path,
            f"has the orientation {own}, and {first_path} {others}, so that their "
            "voxels are not in the same order; bring all to one with "
            "nibabel.as_closest_canonical.",
        )


def _orientation(volume: Any) -> str:
    codes = import_extra("nibabel", "io", _needed()).aff2axcodes(volume.affine)
    return "".join(code or "?" for code in codes)


def _code_of(image: Any) -> int:
    """What the coordinates of an image are those of."""
    header = image.header
    for field in ("sform_code", "qform_code"):
        if field in header and int(header[field]):
            return int(header[field])
    return SCANNER


def _coarser(affine: np.ndarray, shape: tuple, own: tuple) -> np.ndarray:
    """Affine of voxels that cover the same box as an image of another shape."""
    factors = np.array(shape) / np.array(own)
    step = np.diag([*factors, 1.0])
    step[:N_AXES, N_AXES] = (factors - 1) / 2
    return affine @ step


def _stem(path: Any) -> str:
    name = Path(path).name
    for suffix in reversed(SUFFIXES):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return Path(path).stem
