"""Train the small network whose embeddings ``load_heart_hospitals`` ships.

Usage: python scripts/train_heart_network.py ../shared/data/heart_4sites.csv

The network predicts heart disease from eight clinical inputs and never sees the
hospital. Written are the activations of its last hidden layer, its last linear
layer, and the table of patients. A second run on the same machine gives the same
files; another BLAS may differ in the last digits.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.compose import make_column_transformer
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import OneHotEncoder, StandardScaler

SEED = 0
TRAIN_SHARE = 0.6
NUMERIC = ["age", "thalch", "oldpeak", "trestbps"]
# chol, fbs, slope, ca and thal are missing hospital by hospital: the network could
# read the hospital off the gaps, whatever was filled in.
CATEGORICAL = ["sex", "cp", "restecg", "exang"]
DEFAULT_OUTPUT = Path(__file__).parents[1] / "sklearn_wsca" / "datasets" / "data"


def read_patients(path):
    """Read the table of all four hospitals and add the disease label."""
    patients = pd.read_csv(path)
    # A resting blood pressure of zero is a missing measurement.
    patients["trestbps"] = patients["trestbps"].where(patients["trestbps"] > 0)
    patients["disease"] = np.where(patients["num"] > 0, "present", "absent")
    return patients


def split_patients(patients):
    """Return a boolean mask of the training patients."""
    cells = patients["dataset"] + " " + patients["disease"]
    train_rows, _ = train_test_split(
        np.arange(len(patients)),
        train_size=TRAIN_SHARE,
        stratify=cells,
        random_state=SEED,
    )
    is_train = np.zeros(len(patients), dtype=bool)
    is_train[train_rows] = True
    return is_train


def fill_gaps(inputs, is_train):
    """Replace each missing value by a random observed one of a training patient.

    A constant such as the mean would mark the filled rows, and with them the
    hospital that left most values out. A random donor value looks like any other.
    """
    generator = np.random.default_rng(SEED)
    filled = inputs.copy()
    for name in filled:
        gaps = filled[name].isna()
        donors = filled.loc[is_train & ~gaps, name].to_numpy()
        filled.loc[gaps, name] = generator.choice(donors, size=gaps.sum())
    return filled


def encode_inputs(filled, is_train):
    """Standardise the numbers and one-hot encode the categories."""
    # exang mixes booleans and gaps in one object column.
    filled = filled.astype(dict.fromkeys(CATEGORICAL, str))
    encoder = make_column_transformer(
        (StandardScaler(), NUMERIC),
        (OneHotEncoder(drop="if_binary", sparse_output=False), CATEGORICAL),
    )
    return encoder.fit(filled[is_train]).transform(filled)


def last_hidden_layer(network, inputs):
    """Activations that enter the network's last linear layer."""
    activations = inputs
    for weights, bias in zip(
        network.coefs_[:-1], network.intercepts_[:-1], strict=True
    ):
        activations = np.maximum(activations @ weights + bias, 0.0)
    return activations.astype(np.float32)


def trained_head(network):
    """Coefficients (1, units) and intercept (1,) of the last linear layer."""
    return network.coefs_[-1].T, network.intercepts_[-1]


def drop_dead_units(embeddings, coef):
    """Leave out units that are zero for every patient; they carry nothing."""
    alive = embeddings.any(axis=0)
    print(f"units dropped because they are zero for all patients: {sum(~alive)}")
    return embeddings[:, alive], coef[:, alive]


def check_head(network, inputs, embeddings, coef, intercept):
    """Fail unless head and embeddings give back the network's probabilities."""
    expected = network.predict_proba(inputs)[:, 1]
    rebuilt = expit(embeddings.astype(float) @ coef[0] + intercept[0])
    error = np.abs(rebuilt - expected).max()
    print(f"largest error of a rebuilt probability: {error:.1e}")
    if error > 1e-5:
        raise RuntimeError("The exported head does not reproduce the network.")


def print_performance(disease, probability, is_train):
    """Print AUROC and balanced accuracy inside and outside the training set."""
    for name, rows in [("train", is_train), ("held-out", ~is_train)]:
        truth = disease[rows] == "present"
        auroc = roc_auc_score(truth, probability[rows])
        accuracy = balanced_accuracy_score(truth, probability[rows] > 0.5)
        print(
            f"{name}: {rows.sum()} patients, AUROC {auroc:.3f}, "
            f"balanced accuracy {accuracy:.3f}"
        )


def write_files(folder, embeddings, coef, intercept, table):
    """Write the arrays and the table of patients that the package ships."""
    np.savez_compressed(
        folder / "heart_hospitals.npz",
        embeddings=embeddings,
        coef=coef,
        intercept=intercept,
    )
    table.to_csv(
        folder / "heart_hospitals_metadata.csv", index=False, lineterminator="\n"
    )


def train_network(inputs, disease):
    """Fit the network; early stopping watches a fifth of the patients given."""
    network = MLPClassifier(
        hidden_layer_sizes=(64, 64),
        alpha=1.0,
        early_stopping=True,
        validation_fraction=0.2,
        n_iter_no_change=20,
        max_iter=1000,
        random_state=SEED,
    )
    return network.fit(inputs, disease)


def main():
    """Train, check and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="heart_4sites.csv")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT)
    arguments = parser.parse_args()

    patients = read_patients(arguments.table)
    is_train = split_patients(patients)
    inputs = encode_inputs(
        fill_gaps(patients[NUMERIC + CATEGORICAL], is_train), is_train
    )

    disease = patients["disease"].to_numpy(dtype=str)
    network = train_network(inputs[is_train], disease[is_train])
    coef, intercept = trained_head(network)
    embeddings, coef = drop_dead_units(last_hidden_layer(network, inputs), coef)
    check_head(network, inputs, embeddings, coef, intercept)
    print_performance(disease, network.predict_proba(inputs)[:, 1], is_train)

    table = pd.DataFrame(
        {
            "patient": patients["id"],
            "hospital": patients["dataset"],
            "sex": patients["sex"].str.lower(),
            "age": patients["age"],
            "disease": disease,
            "split": np.where(is_train, "train", "held-out"),
        }
    )
    write_files(arguments.output, embeddings, coef, intercept, table)


if __name__ == "__main__":
    main()
