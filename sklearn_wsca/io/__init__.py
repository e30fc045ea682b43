"""Read embeddings, metadata and heads from files; nothing is ever unpickled."""

from sklearn_wsca.io._embedding_files import load_embeddings
from sklearn_wsca.io._errors import FileError
from sklearn_wsca.io._head_files import load_head
from sklearn_wsca.io._map_files import load_feature_maps
from sklearn_wsca.io._matching import match_rows
from sklearn_wsca.io._metadata_files import load_metadata
from sklearn_wsca.io._nifti import save_nifti_maps

__all__ = [
    "FileError",
    "load_embeddings",
    "load_feature_maps",
    "load_head",
    "load_metadata",
    "match_rows",
    "save_nifti_maps",
]
