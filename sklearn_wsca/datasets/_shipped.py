"""Loaders of the data sets that travel with the package."""

from importlib.resources import files

import numpy as np
import pandas as pd

from sklearn_wsca.datasets._bunch import pack_dataset

_DATA = files("sklearn_wsca.datasets") / "data"


def _read_arrays(name):
    """Read all arrays of a shipped npz file; never unpickles."""
    with (
        (_DATA / name).open("rb") as stream,
        np.load(stream, allow_pickle=False) as npz,
    ):
        return dict(npz)


def _read_description(name):
    return (_DATA / name).read_text(encoding="utf-8")


def load_heart_hospitals(*, return_X_y=False, as_frame=False):
    """Load a heart disease network's embeddings of patients of four hospitals.

    A small network was trained to predict heart disease from eight clinical inputs;
    the hospital was not among them. Disease is far more frequent in two of the four
    hospitals, so that hospital and target are correlated in the data.

    ==================   =========================================
    Samples              920
    Features             62, non-negative activations, float32
    Target               disease: absent (411), present (509)
    Metadata             hospital (4 levels), sex, age in years
    Trained head         yes, one row: the log-odds of "present"
    ==================   =========================================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, metadata)`` instead of a Bunch. The whole metadata
        table, target included, is what the estimators of this package take as `y`.

    as_frame : bool, default=False
        If True, the embeddings are a DataFrame and the target is a Series.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch` or tuple (data, metadata)
        The tuple if `return_X_y` is true, else an object with the attributes

        data : {ndarray, DataFrame} of shape (920, 62)
            Activations of the last hidden layer, float32. No unit.
        metadata : DataFrame of shape (920, 4)
            Columns disease, hospital, sex and age (years).
        target : {ndarray, Series} of shape (920,)
            The column disease: "absent" or "present".
        target_name : str
            "disease".
        head : tuple (coef, intercept)
            Last linear layer of the network, shapes (1, 62) and (1,):
            ``data @ coef.T + intercept`` is the log-odds of "present".
        split : ndarray of shape (920,)
            "train" for the 552 patients that the network was fitted on, "held-out"
            for the 368 others.
        feature_names : list of str
            Names of the hidden units.
        frame : DataFrame of shape (920, 66) or None
            Embeddings and metadata side by side; only if `as_frame` is true.
        DESCR : str
            Description of the data set.

    See Also
    --------
    load_sentiment_sources : Metadata that are encoded and balanced.
    make_shortcut : Synthetic embeddings with a known answer.

    Notes
    -----
    Missing inputs were replaced by random observed values, so that a gap does not
    give the hospital away. ``scripts/train_heart_network.py`` in the repository
    rebuilds the files.

    References
    ----------
    .. [1] A. Janosi, W. Steinbrunn, M. Pfisterer, R. Detrano, "Heart Disease", UCI
       Machine Learning Repository, 1989. CC BY 4.0.
    .. [2] C. K. Wong et al., "Weight Space Correlation Analysis: Quantifying Feature
       Utilization in Deep Learning Models", MIDL 2026, PMLR 315:2711-2737,
       arXiv 2512.13144.

    Examples
    --------
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> heart = load_heart_hospitals()
    >>> heart.data.shape
    (920, 62)
    >>> heart.metadata.columns.tolist()
    ['disease', 'hospital', 'sex', 'age']
    >>> coef, intercept = heart.head
    >>> log_odds = (heart.data @ coef.T + intercept).ravel()
    >>> correct = (log_odds > 0) == (heart.target == "present")
    >>> round(float(correct[heart.split == "held-out"].mean()), 2)
    0.78
    """
    arrays = _read_arrays("heart_hospitals.npz")
    with (_DATA / "heart_hospitals_metadata.csv").open(encoding="utf-8") as stream:
        table = pd.read_csv(stream)
    embeddings = arrays["embeddings"]
    return pack_dataset(
        embeddings,
        table[["disease", "hospital", "sex", "age"]].copy(),
        target_name="disease",
        feature_names=[f"unit_{unit}" for unit in range(embeddings.shape[1])],
        return_X_y=return_X_y,
        as_frame=as_frame,
        head=(arrays["coef"], arrays["intercept"]),
        split=table["split"].to_numpy(dtype=str),
        DESCR=_read_description("heart_hospitals.rst"),
    )


def load_sentiment_sources(*, return_X_y=False, as_frame=False):
    """Load sentence embeddings with the sentiment and the source of the text.

    The source of a sentence is easy to read off its embedding, but every source has
    as many positive as negative sentences: a case where encoding alone is no
    evidence of use.

    ==================   ==================================================
    Samples              4000, of which 500 per source and sentiment
    Features             64 principal coordinates, float32
    Target               sentiment: negative (2000), positive (2000)
    Metadata             source (4 levels), rating, n_words
    Trained head         none
    ==================   ==================================================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, metadata)`` instead of a Bunch. The whole metadata
        table, target included, is what the estimators of this package take as `y`.

    as_frame : bool, default=False
        If True, the embeddings are a DataFrame and the target is a Series.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch` or tuple (data, metadata)
        The tuple if `return_X_y` is true, else an object with the attributes

        data : {ndarray, DataFrame} of shape (4000, 64)
            Sentence embeddings, float32. No unit.
        metadata : DataFrame of shape (4000, 4)
            Columns sentiment, source, rating (mean of human ratings, from -4, most
            negative, to 4, most positive) and n_words (length of the text in words).
        target : {ndarray, Series} of shape (4000,)
            The column sentiment: "negative" or "positive".
        target_name : str
            "sentiment".
        feature_names : list of str
            Names of the principal coordinates.
        frame : DataFrame of shape (4000, 68) or None
            Embeddings and metadata side by side; only if `as_frame` is true.
        DESCR : str
            Description of the data set.

    See Also
    --------
    load_heart_hospitals : A trained head and metadata correlated with the target.
    make_shortcut : Synthetic embeddings with a known answer.

    Notes
    -----
    The sentiment is the sign of the rating, so the rating says nothing that is
    independent of the target: leave it out of an audit. The embeddings are stored in
    half precision, about three significant digits.

    References
    ----------
    .. [1] C. J. Hutto, E. Gilbert, "VADER: A Parsimonious Rule-based Model for
       Sentiment Analysis of Social Media Text", ICWSM 2014.
    .. [2] C. K. Wong et al., "Weight Space Correlation Analysis: Quantifying Feature
       Utilization in Deep Learning Models", MIDL 2026, PMLR 315:2711-2737,
       arXiv 2512.13144.

    Examples
    --------
    >>> from sklearn_wsca.datasets import load_sentiment_sources
    >>> sentences = load_sentiment_sources()
    >>> sentences.data.shape
    (4000, 64)
    >>> sorted(sentences.metadata["source"].unique())
    ['Amazon reviews', 'NYT editorials', 'movie reviews', 'tweets']
    """
    arrays = _read_arrays("sentiment_sources.npz")
    readable = {
        "amazonReviewSnippets": "Amazon reviews",
        "movieReviewSnippets": "movie reviews",
        "nytEditorialSnippets": "NYT editorials",
        "tweets": "tweets",
    }
    source_names = np.array([readable[name] for name in arrays["source_names"]])
    metadata = pd.DataFrame(
        {
            "sentiment": np.array(["negative", "positive"])[arrays["y"]],
            "source": source_names[arrays["source"]],
            # Half precision resolves no more than two decimals at this size.
            "rating": arrays["rating"].astype(np.float64).round(2),
            "n_words": arrays["nwords"].astype(np.int64),
        }
    )
    embeddings = arrays["Z"].astype(np.float32)
    return pack_dataset(
        embeddings,
        metadata,
        target_name="sentiment",
        feature_names=[f"component_{index}" for index in range(embeddings.shape[1])],
        return_X_y=return_X_y,
        as_frame=as_frame,
        DESCR=_read_description("sentiment_sources.rst"),
    )
