"""The command that makes feature vectors, and the mlp that is trained on them."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import kmlc
from kmlc.commands import features, predict
from kmlc.config import TowerConfig
from kmlc.data.crop_flip import resize
from kmlc.data.images import decode
from kmlc.data.readers.npz import read_features
from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.models.image.simple_cnn import simple_cnn
from kmlc.settings import config_from_flags
from kmlc.training.train import train
from tests.helpers import draw


def command(*arguments: str | Path) -> int:
    return features.main([str(each) for each in arguments])


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, Path]:
    """SimpleCNN with weights of its own, and the file that they are in."""
    keras.utils.set_random_seed(5)
    model = simple_cnn(16, TowerConfig("simple_cnn"))
    path = tmp_path_factory.mktemp("weights") / "backbone.weights.h5"
    model.save_weights(path)
    return model, path


@pytest.fixture(scope="module")
def extracted(
    data: Path, backbone: tuple[keras.Model, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("features") / "rows.npz"
    settings = ["--model", "simple_cnn", "--images.size=16", f"--tower.weights={backbone[1]}"]
    assert command(*settings, "--out", out, "--data", data) == 0
    return out


@pytest.fixture(scope="module")
def run(extracted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An mlp that was trained on the vectors."""
    path = tmp_path_factory.mktemp("mlp") / "run"
    train(config_from_flags(["--model=mlp", f"--data={extracted}", f"--run={path}", "--train.epochs=2"]))
    return path


def predicted(*arguments: str | Path) -> int:
    return predict.main([str(each) for each in arguments])


def test_vectors_are_what_the_tower_makes_of_the_images(
    extracted: Path, data: Path, backbone: tuple[keras.Model, Path]
) -> None:
    rows = read_features(extracted)
    table = [line.split(",") for line in (data / "train.csv").read_text().splitlines()[1:]]
    assert rows.ids.tolist() == [cells[0] for cells in table]
    assert rows.names == ("1", "3", "18")
    labels = [[int(name in cells[1].split()) for name in rows.names] for cells in table]
    np.testing.assert_array_equal(rows.labels, labels)
    images = np.stack([resize(decode((data / "data" / name).read_bytes()), 16) for name in rows.ids])
    # System 1's normalisation: ImageNet's mean and standard deviation.
    images = (images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    expected = np.asarray(backbone[0](images, training=False))
    np.testing.assert_allclose(rows.features, expected, rtol=1e-4, atol=1e-5)


def test_labels_of_a_hierarchy_come_back(backbone: tuple[keras.Model, Path], tmp_path: Path) -> None:
    """Superclass 0 and subclass 0 were both called 0, in a file that was then refused."""
    (tmp_path / "train_images").mkdir()
    lines = ["image,superclass_index,subclass_index"]
    for number, labels in enumerate(["0,0", "1,1", "0,0", "1,2"]):
        lines.append(f"{number}.jpg,{labels}")
        draw(tmp_path / "train_images" / f"{number}.jpg", ["1"], np.random.default_rng(number))
    (tmp_path / "train_data.csv").write_text("\n".join(lines) + "\n")
    tower = ["--tower.name=simple_cnn", "--images.size=16", f"--tower.weights={backbone[1]}"]
    out = tmp_path / "rows.npz"
    assert not command("--model=efficientnet_hierarchy", *tower, f"--data={tmp_path}", f"--out={out}")
    rows = read_features(out)
    assert rows.names == ("superclass 0", "superclass 1", "subclass 0", "subclass 1", "subclass 2")
    np.testing.assert_array_equal(
        rows.labels, [[1, 0, 1, 0, 0], [0, 1, 0, 1, 0], [1, 0, 1, 0, 0], [0, 1, 0, 0, 1]]
    )


def test_the_mlp_trains_on_them_and_predicts_them(
    run: Path, extracted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {"validation", "training"} <= read_json(run / "metrics.json").keys()
    assert predicted("--run", run) == 0
    table = pd.read_csv(run / "submission.csv", dtype=str)
    assert table["ImageID"].tolist() == read_features(extracted).ids.tolist()
    # These are the rows that it was trained on: their score would say nothing.
    assert "Against the labels" not in capsys.readouterr().out


@pytest.mark.parametrize("what", ["images", "captions"])
def test_without_what_the_run_does_not_read_is_refused(
    what: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--without` predicted the same as without it, and said nothing."""
    assert predicted("--run", run, "--without", what) == 2
    assert f"--without {what}: expected a run that reads {what}; got {run}" in capsys.readouterr().err


def test_the_library_predicts_arrays_as_the_command_predicts_the_file(
    run: Path, extracted: Path, tmp_path: Path
) -> None:
    out, proba = tmp_path / "s.csv", tmp_path / "p.csv"
    assert predict.main(["--run", str(run), "--out", str(out), "--proba", str(proba)]) == 0
    predictor, vectors = kmlc.load(run), read_features(extracted).features
    table = predictor.predict(vectors)
    assert table["Labels"].tolist() == pd.read_csv(out, dtype=str, keep_default_na=False)["Labels"].tolist()
    expected = pd.read_csv(proba, float_precision="round_trip")
    np.testing.assert_array_equal(table[["1", "3", "18"]], expected[["1", "3", "18"]])
    assert len(predictor.predict(vectors[0])) == 1


def test_a_run_keeps_the_statistics_of_its_training_rows(run: Path, extracted: Path) -> None:
    rows, training = read_features(extracted), read_json(run / "split.json")["training"]
    features = rows.features[[rows.ids.tolist().index(name) for name in training]].astype(float)
    state = read_json(run / "encoder.json")
    np.testing.assert_allclose(state["feature_means"], features.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(state["feature_deviations"], features.std(axis=0), rtol=1e-12)


def test_the_library_refuses_what_are_no_such_vectors(run: Path) -> None:
    predictor, width = kmlc.load(run), len(read_json(run / "encoder.json")["feature_means"])
    finite = "expected finite feature vectors of shape (rows, features)"
    for images, message in (
        (np.zeros((2, 3)), f"expected vectors of {width} features, as the run takes; got 3"),
        (None, f"expected vectors of {width} features, as the run takes; got none"),
        (["a.jpg", "b.jpg"], "expected feature vectors, as the run takes; got something else"),
        (np.zeros((2, 3, width)), f"{finite}; got shape (2, 3, {width})"),
        (np.full((2, width), np.inf), f"{finite}; got infinity or not a number"),
    ):
        with pytest.raises(UserError) as raised:
            predictor.predict(images, ["a dog", "a cat"])
        assert str(raised.value) == f"images: {message}"


def test_rows_that_are_not_such_vectors(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both ended in a traceback."""
    wide = tmp_path / "wide.npz"
    np.savez(wide, X=np.zeros((2, 3)), y=np.zeros((2, 3), int))
    width = len(read_json(run / "encoder.json")["feature_means"])
    for arguments, source, got in (
        (["--data", wide], str(wide), "3"),
        (["--caption", "a dog"], "--image and --caption", "none"),
    ):
        message = f"{source}: expected vectors of {width} features, as the run takes; got {got}"
        assert predicted("--run", run, *arguments) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--outt", "x"], "--outt: no such flag (did you mean --out?)"),
        (["--model", "mlp"], "tower.name: expected an image tower; got mlp"),
        (["--tower.name", "none"], "tower.name: expected an image tower; got none"),
        (["--model", "simple_cnn"], "tower.weights: expected weights, as the features of an untrained"),
        (["--out", "no/such/x.npz"], "no/such: no such folder to write x.npz in"),
        (["--out=no/such/x.npz"], "no/such: no such folder to write x.npz in"),
        (["--model", "simple_cnn", "--out"], "--out: expected one argument"),
    ],
)
def test_an_error_of_the_features_command_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(*arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"kmlc features: error: {message}")
    assert said.count("\n") == 1
