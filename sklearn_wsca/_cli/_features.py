"""What ``wsca features`` does between its files: analyse, tabulate and draw."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklearn_wsca._analysis.prepare import NothingLeftError
from sklearn_wsca._backend.progress import step
from sklearn_wsca._cli._errors import refuse
from sklearn_wsca._cli._feature_page import make_feature_page
from sklearn_wsca._cli._file_order import explain_order
from sklearn_wsca._cli._images import Images
from sklearn_wsca._cli._inputs import AuditRows
from sklearn_wsca._cli._notes import collect_warnings
from sklearn_wsca._cli._output import (
    FEATURE_FILES,
    FEATURE_PAGE,
    write_files,
)
from sklearn_wsca._cli._spreadsheet import to_csv_text
from sklearn_wsca._displays.activation_map import ActivationMapDisplay
from sklearn_wsca._displays.consistency import ConsistencyDisplay
from sklearn_wsca._displays.feature_importance import FeatureImportanceDisplay
from sklearn_wsca._features import axes
from sklearn_wsca._features.contributions import predict_rows
from sklearn_wsca._features.integrated_feature_analysis import IntegratedFeatureAnalysis
from sklearn_wsca._features.maps import FeatureMaps, pool_maps
from sklearn_wsca._features.shift import SPLIT
from sklearn_wsca._report.picture import draw_plainly, to_svg
from sklearn_wsca._text import column_text
from sklearn_wsca._weight_space_correlation import WeightSpaceCorrelation
from sklearn_wsca.io import (
    FileError,
    load_embeddings,
    load_feature_maps,
    load_head,
    load_metadata,
    match_rows,
)

MAPS_SHOWN = 8
RESOLUTION = 130


class Drawn(NamedTuple):
    """A figure as a file of its own, and as part of a page."""

    png: bytes
    svg: str


@dataclass(frozen=True)
class FeatureFindings:
    """A finished feature analysis.

    Parameters
    ----------
    analysis : IntegratedFeatureAnalysis
        Fitted.
    features : DataFrame
        One row per feature.
    shifts : DataFrame
        One row per comparison and feature.
    samples : DataFrame
        One row per sample.
    """

    analysis: IntegratedFeatureAnalysis
    features: pd.DataFrame
    shifts: pd.DataFrame
    samples: pd.DataFrame

    def write(
        self,
        directory: Path,
        drawn: dict[str, Drawn],
        sentences: list[str],
        files: dict[str, str],
    ) -> list[Path]:
        """Write page, tables and figures, which are those of `draw`."""
        tables = {
            "features.csv": self.features,
            "shifts.csv": self.shifts,
            "samples.csv": self.samples,
            "curve.csv": self.analysis.performance_curve_,
        }
        contents: dict[str, str | bytes] = {
            name: to_csv_text(table) for name, table in tables.items()
        }
        contents |= {name: picture.png for name, picture in drawn.items()}
        pictures = {name: picture.svg for name, picture in drawn.items()}
        contents[FEATURE_PAGE] = make_feature_page(self, sentences, pictures, files)
        return write_files(directory, contents, FEATURE_FILES)


def read_maps(
    maps: Path,
    metadata: Path,
    key: str | None,
    target: str,
    max_size: int | None = None,
) -> AuditRows:
    """Maps and metadata of the same rows, in the same order."""
    notes: list[str] = []
    with explain_order(maps, metadata, target, max_size):
        with refuse({"y": maps}, "--maps-key"), collect_warnings(notes):
            A = load_feature_maps(maps, key=key, max_size=max_size)
        with refuse({"y": metadata}), collect_warnings(notes):
            table = load_metadata(metadata, max_size=max_size)
            A, table, _ = match_rows(A, table, names=(str(maps), str(metadata)))
    return AuditRows(A, table, {"A": maps, "y": metadata}, notes)


def put_features_first(rows: AuditRows, options: dict[str, Any]) -> AuditRows:
    """Maps with their features on the second axis, by the width of the head.

    Tokens and channels that come last are told as `fit` tells them.
    """
    if options["head"] is None or rows.X.ndim < 3:
        return rows

    def fits(n_features: int) -> bool:
        try:
            load_head(
                options["head"],
                key=options["head_key"],
                n_features=n_features,
                max_size=options["max_size"],
            )
        except FileError:
            return False
        return True

    with refuse(rows.files), collect_warnings([]):
        maps = axes.put_features_first(FeatureMaps(rows.X), fits)
    return replace(rows, X=maps.array)


def read_outputs(file: Path | None, max_size: int | None) -> Any:
    """Outputs of the network itself; None without a file."""
    if file is None:
        return None
    with refuse({"X": file}):
        return load_embeddings(file, scores=True, max_size=max_size)


def analyse_features(
    analysis: IntegratedFeatureAnalysis,
    rows: AuditRows,
    held_out: AuditRows | None,
    outputs: Any,
    files: dict[str, Path],
) -> FeatureFindings:
    """Fit, compare, and share out the utilization of the metadata.

    `files` are those of the head and the outputs, by the arguments that errors name.
    """
    new = held_out or rows
    # Said, and kept nowhere: the tables have no room for notes.
    with collect_warnings([]):
        with refuse(rows.files | files):
            with step("features"):
                analysis.fit(rows.X, rows.metadata, outputs)
            features = tabulate(analysis)
            shares = share_utilization(analysis, rows)
        with refuse(new.files | files):
            if held_out is None:
                # That the samples are those of the fit is meant, and no news.
                warnings.filterwarnings("ignore", "groups: .* were in fit too")
            with step("shifts"):
                shifts = analysis.compare(new.X, new.metadata)
    if held_out is None:
        # There is nothing but the samples of the fit themselves.
        shifts = shifts[shifts.index.get_level_values(0) != SPLIT]
    scores = analysis.outlier_scores_
    samples = pd.DataFrame(
        {"outlier_score": scores, "unusual": scores > analysis.outlier_threshold_}
    )
    samples = samples.rename_axis("row").sort_values(
        "outlier_score", ascending=False, kind="stable"
    )
    return FeatureFindings(analysis, features.join(shares), shifts, samples)


def tabulate(analysis: IntegratedFeatureAnalysis) -> pd.DataFrame:
    """Everything about each feature, the most important one first."""
    names = pd.RangeIndex(analysis.n_features_in_, name="feature")
    table = pd.DataFrame(
        {
            "rank": analysis.ranking_,
            "kept": analysis.get_support(),
            "importance": analysis.importance_overall_,
        },
        index=names,
    )
    of_classes, head = {}, analysis.head_
    if head.classes is None:
        # There is a single row, whose importance is the overall one.
        change = f"change with one standard deviation of {analysis.target}"
        of_classes[change] = analysis.importance_difference_[0]
    for k, name in enumerate(head.classes or ()):
        of_classes[f"importance of {name}"] = analysis.importance_[k]
        of_classes[f"difference of {name}"] = analysis.importance_difference_[k]
    of_classes = pd.DataFrame(of_classes, names)
    redundancy = analysis.redundancy_.set_axis(names)
    table = pd.concat([table, of_classes, redundancy], axis=1)
    return table.sort_values("rank")


def share_utilization(
    analysis: IntegratedFeatureAnalysis, rows: AuditRows
) -> pd.DataFrame:
    """Share of every feature in the utilization of each metadata column."""
    pooled = pool_maps(FeatureMaps.of(rows.X))
    columns = None if analysis.metadata is None else list(analysis.metadata)
    use = WeightSpaceCorrelation(
        analysis.target,
        target_head=analysis.head_,
        columns=columns,
        groups=analysis.groups,
        n_permutations=0,
        random_state=0,
        n_jobs=-1,
    )
    features = pd.RangeIndex(len(pooled.T), name="feature")
    if len(rows.metadata.columns) <= 1 + (analysis.groups is not None):
        return pd.DataFrame(index=features)
    try:
        use.fit(pooled, rows.metadata)
    except NothingLeftError as error:
        warnings.warn(f"no share of utilization: {error}", UserWarning, stacklevel=2)
        return pd.DataFrame(index=features)
    shares, untested = {}, {}
    for name in use.summary_.index:
        try:
            found = use.utilization_by_feature(pooled, rows.metadata, name)
        except ValueError:
            untested[name] = use.summary_.at[name, "note"]
            continue
        shares[f"share of utilization by {column_text(name)}"] = found["share"]
    if untested:
        reasons = "; ".join(f"{name!r} ({note})" for name, note in untested.items())
        warnings.warn(
            f"features.csv has no share of utilization by {reasons}.",
            UserWarning,
            stacklevel=2,
        )
    return pd.DataFrame(shares, features)


def draw(
    analysis: IntegratedFeatureAnalysis,
    A: Any,
    outputs: Any,
    images: Images | None,
    classes: list | None,
) -> dict[str, Drawn]:
    """Figures by the names of their files."""
    with draw_plainly():
        displays = {
            "importance.png": FeatureImportanceDisplay.from_estimator(
                analysis, classes=classes
            ),
            "curve.png": FeatureImportanceDisplay.from_estimator(
                analysis, kind="curve"
            ),
            "consistency.png": ConsistencyDisplay.from_estimator(analysis, A, outputs),
        }
        if len(A.shape) > 2:
            displays["maps.png"] = draw_maps(analysis, A, images)
        return {name: _save(shown, name) for name, shown in displays.items()}


def rows_shown(n: int) -> np.ndarray:
    """Samples whose maps are drawn, at equal distances."""
    return np.unique(np.linspace(0, n - 1, MAPS_SHOWN).astype(int))


def draw_maps(
    analysis: IntegratedFeatureAnalysis, A: Any, images: Images | None
) -> ActivationMapDisplay:
    """Maps of a few samples at equal distances, named, over their images if known."""
    chosen = rows_shown(len(A))
    some = np.stack([A[row] for row in chosen])
    names = [f"row {row}" if images is None else images.names[row] for row in chosen]
    if analysis.head_.classes is not None:
        rows = predict_rows(analysis.head_, pool_maps(FeatureMaps.of(some)))
        found = [analysis.head_.row_names[row] for row in rows]
        names = [f"{one}: {name}" for name, one in zip(names, found, strict=True)]
    with refuse({}):
        return ActivationMapDisplay.from_estimator(
            analysis,
            some,
            images=None if images is None else images.take(chosen),
            titles=names,
        )


def _save(display: Any, name: str) -> Drawn:
    stream = BytesIO()
    display.figure_.savefig(stream, dpi=RESOLUTION, format="png")
    return Drawn(stream.getvalue(), to_svg(display.figure_, Path(name).stem))
