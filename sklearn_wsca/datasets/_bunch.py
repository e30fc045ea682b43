"""The one shape in which every data set of the package is returned."""

import pandas as pd
from sklearn.utils import Bunch


def pack_dataset(
    data, metadata, *, target_name, feature_names, return_X_y, as_frame, **fields
):
    """Return embeddings and metadata as scikit-learn's loaders return theirs.

    Parameters
    ----------
    data : ndarray of shape (n_samples, n_features)
        The embeddings.

    metadata : DataFrame of shape (n_samples, n_columns)
        Row i describes row i of `data`; holds the column `target_name`.

    target_name : str
        Column of `metadata` that the primary head predicts.

    feature_names : list of str
        Names of the columns of `data`.

    return_X_y : bool
        Return only the embeddings and the metadata.

    as_frame : bool
        Give the embeddings as a DataFrame and the target as a Series.

    **fields : dict
        Further entries of the Bunch.

    Returns
    -------
    dataset : Bunch or tuple (data, metadata)
        `data`, `metadata`, `target`, `target_name`, `feature_names`, `frame` and
        `fields`. `frame` is None unless `as_frame` is true.
    """
    # Fixed-width text, unlike text objects, can be saved without a pickle.
    target = metadata[target_name].to_numpy(dtype=str)
    frame = None
    if as_frame:
        data = pd.DataFrame(data, columns=feature_names)
        target = metadata[target_name]
        frame = pd.concat([data, metadata], axis=1)
    if return_X_y:
        return data, metadata
    return Bunch(
        data=data,
        metadata=metadata,
        target=target,
        target_name=target_name,
        feature_names=feature_names,
        frame=frame,
        **fields,
    )
