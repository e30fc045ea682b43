"""The one shape in which every data set of the package is returned."""

import pandas as pd
from sklearn.utils import Bunch


def pack_dataset(
    data, metadata, *, target_name, feature_names, return_X_y, as_frame, **fields
):
    """Return embeddings and metadata as scikit-learn's loaders return theirs.

    A Bunch with further `fields`, or the pair (data, metadata). The target is a column
    of the metadata; `frame` is None unless `as_frame` is true.
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
