"""Frozen layers computed once, through whole commands: the run is the same with any cache or none."""

import shutil
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from kmlc.arrays import read_arrays
from kmlc.commands.train import main
from kmlc.config import TowerConfig
from kmlc.data.caches.arrays import ArrayStore
from kmlc.files import read_json
from kmlc.models.boundary import split
from kmlc.models.image.simple_cnn import simple_cnn
from kmlc.prediction.predictor import load_predictor
from kmlc.settings import config_from_flags, load_config
from kmlc.tasks.rows import read_labelled
from kmlc.training.restore import restore
from kmlc.training.run_directory import RunDirectory
from kmlc.training.run_files import load_split
from kmlc.training.train import train
from tests.helpers import TINY, assert_same_history

FROZEN = [
    "--tower.name=simple_cnn",
    "--tower.trainable=none",
    "--captions.encoder=bert",
    "--captions.trainable=false",
    "--images.horizontal_flip=false",
    "--images.crop=1",
    "--train.epochs=3",
    "--train.ema=0.9",
    "--tower.dropout=0.2",
    "--fusion.modality_dropout=0.3",
    "--thresholds.method=curve",
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.utils.set_random_seed(5)
    path = tmp_path_factory.mktemp("weights") / "simple_cnn.weights.h5"
    simple_cnn(16, TowerConfig("simple_cnn")).save_weights(path)
    return path


class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if epoch == 0:
            raise KeyboardInterrupt


@pytest.fixture
def flags(tmp_path: Path, data: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    return [*TINY, *FROZEN, f"--data={data}", f"--tower.weights={weights}"]


def best_weights(run: str) -> dict[str, bytes]:
    found = {}

    def read(name: str, each: h5py.Group | h5py.Dataset) -> None:
        if isinstance(each, h5py.Dataset):
            found[name] = each[()].tobytes()

    with h5py.File(Path(run) / "best.weights.h5") as file:
        file.visititems(read)
    return found


def assert_same_run(one: str, other: str) -> None:
    assert_same_history(Path(one), Path(other))
    assert best_weights(one) == best_weights(other)
    assert read_json(Path(one) / "metrics.json") == read_json(Path(other) / "metrics.json")


def test_the_second_run_reads_what_the_first_computed(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main([*flags, "--run=one", "--cache.folder=cache"])
    out = capsys.readouterr().out
    assert "simple_cnn: computing 41 of 41 images once; kept in cache/frozen/" in out  # and the placeholder
    assert "bert: computing " in out
    main([*flags, "--run=two", "--cache.folder=cache"])
    out = capsys.readouterr().out
    assert "simple_cnn: 41 images read from the cache" in out
    assert "computing" not in out
    assert_same_run("one", "two")
    # Other settings of what is trained: the same values. Without augmentation, N views were computed N times.
    others = ["--train.batch_size=5", "--tower.dropout=0", "--cache.views=3"]
    main([*flags, "--run=three", "--cache.folder=cache", *others])
    out = capsys.readouterr().out
    assert "simple_cnn: 41 images read from the cache" in out
    assert "cache.views 3 has no effect: without augmentation all views of an image are the same" in out


@pytest.mark.slow
def test_more_views_use_those_that_are_there(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With the first view cached and another one missing, computing no rows of the first was a traceback."""
    augmented = [*flags, "--images.horizontal_flip=true", "--cache.folder=cache"]
    for views in (1, 2):
        assert main([*augmented, f"--run={views}", f"--cache.views={views}"]) == 0
    assert "views of images once" in capsys.readouterr().out


@pytest.mark.slow
def test_without_a_cache_the_run_is_the_same(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*flags, "--run=one", "--cache.folder=cache"])
    main([*flags, "--run=two", "--cache.folder=other", "--cache.gigabytes=0"])
    out = capsys.readouterr().out
    assert "simple_cnn: images are computed in every epoch: cache.gigabytes is 0" in out
    assert_same_run("one", "two")


@pytest.mark.slow
def test_a_damaged_cache_is_computed_again(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*flags, "--run=one", "--cache.folder=cache"])
    for values in Path("cache/frozen").glob("*/values"):
        content = bytearray(values.read_bytes())
        content[len(content) // 2] ^= 1
        values.write_bytes(content[:-7])
    capsys.readouterr()
    main([*flags, "--run=two", "--cache.folder=cache"])
    assert "simple_cnn: computing 2 of 41 images once" in capsys.readouterr().out
    assert_same_run("one", "two")


@pytest.mark.slow
def test_a_full_disk_does_not_end_the_run(
    flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    main([*flags, "--run=one", "--cache.folder=cache"])
    monkeypatch.setattr(ArrayStore, "append", full)
    main([*flags, "--run=two", "--cache.folder=other"])
    out = capsys.readouterr().out
    assert "simple_cnn: images are computed in every epoch: No space left on device" in out
    assert_same_run("one", "two")


@pytest.mark.parametrize("lose_cache", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_stopped_run_goes_on_bit_for_bit_with_the_cache_and_without(
    flags: list[str], lose_cache: bool
) -> None:
    flags = [*flags, "--cache.folder=cache"]
    main([*flags, "--run=one"])
    with pytest.raises(KeyboardInterrupt):
        train(config_from_flags([*flags, "--run=two"]), callbacks=[Stop()])
    if lose_cache:
        shutil.rmtree("cache/frozen")
    main(["--resume=two"])
    assert_same_run("one", "two")


def test_the_checkpoint_has_what_training_changes(flags: list[str]) -> None:
    """It had every frozen weight, and they were written in every epoch."""
    run = train(config_from_flags([*flags, "--run=one"]), keep_checkpoint=True)
    model = restore(run).model
    state = read_arrays(run.checkpoint)
    frozen = {weight.shape for part in split(model)[0] for weight in part.model.weights}
    shapes = {array.shape for array in state.values()}
    assert {tuple(weight.shape) for weight in model.trainable_variables} <= shapes
    assert (5, 5, 3, 32) in frozen
    assert not {shape for shape in frozen if len(shape) > 2} & shapes


def test_prediction_equals_the_evaluation_of_training(flags: list[str]) -> None:
    run = train(config_from_flags([*flags, "--run=one"]))
    config = load_config(run.config)
    rows = read_labelled(config).records
    names = load_split(run)["validation"]
    validation = rows.take([rows.ids.tolist().index(name) for name in names])
    logits = load_predictor([run.path]).logits(validation)
    np.testing.assert_array_equal(logits, read_arrays(run.logits)["validation_logits"])


@pytest.mark.slow
def test_augmentation_without_views_computes_as_before(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main([*flags, "--run=one", "--images.crop=0.8", "--cache.folder=cache"])
    out = capsys.readouterr().out
    assert "simple_cnn: its frozen layers are computed in every epoch" in out
    assert "cache.views 4 computes four views of each image once" in out
    assert "images once" not in out
    assert "bert: computing " in out


@pytest.mark.slow
def test_views_are_computed_once_and_drawn_anew_in_each_epoch(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [*flags, "--images.crop=0.5", "--cache.views=3"]
    main([*flags, "--run=one", "--cache.folder=cache"])
    split = read_json(Path("one/split.json"))
    count = 3 * len(split["training"]) + len(split["validation"]) + 1  # and the placeholder image
    out = capsys.readouterr().out
    assert f"simple_cnn: computing {count} of {count} views of images once" in out, out
    main([*flags, "--run=two", "--cache.folder=cache"])
    assert f"simple_cnn: {count} views of images read from the cache" in capsys.readouterr().out
    assert_same_run("one", "two")
    main([*flags, "--run=three", "--cache.gigabytes=0"])
    assert_same_run("one", "three")
    main([*flags, "--run=four", "--cache.folder=cache", "--images.crop=1", "--cache.views=1"])
    assert "simple_cnn: 41 images read from the cache" in capsys.readouterr().out
    with pytest.raises(AssertionError):
        assert_same_history(Path("one"), Path("four"))


@pytest.mark.slow
def test_a_tower_trained_from_a_layer_on(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    flags = [*flags, "--tower.trainable=from convolution_2"]
    main([*flags, "--run=one", "--cache.folder=cache"])
    assert "simple_cnn: computing 41 of 41 images once" in capsys.readouterr().out
    main([*flags, "--run=two", "--cache.gigabytes=0"])
    assert_same_run("one", "two")


@pytest.mark.slow
def test_late_fusion_takes_the_whole_model_of_a_run(flags: list[str]) -> None:
    main([*flags, "--run=image", "--captions.encoder=none"])
    late = ["--fusion.name=late", "--fusion.image_run=image", "--run=both"]
    main([*flags, *late])
    tower = restore(RunDirectory(Path("both"))).model.get_layer("image_tower")
    expected = restore(RunDirectory(Path("image"))).model.get_layer("image_tower")
    for one, two in zip(tower.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
