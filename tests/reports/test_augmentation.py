from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kmlc.config import CaptionsConfig, Config, ImagesConfig, TowerConfig, TrainConfig
from kmlc.data.batches import evaluation_batches, training_batches
from kmlc.data.caption_encoders import caption_encoder
from kmlc.data.encoder_state import EncoderState
from kmlc.files import write_json
from kmlc.reports import plots
from kmlc.reports.augmentation import contact_sheet
from kmlc.settings import save_config
from kmlc.tasks.rows import read_labelled
from kmlc.training.run_directory import RunDirectory


def make_run(path: Path, config: Config, training: list[str]) -> RunDirectory:
    run = RunDirectory(path)
    save_config(run.config, config)
    write_json(run.split, {"training": training, "validation": [], "test": []})
    run.start()
    return run


def test_the_sheet_shows_the_images_that_the_model_receives(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(
        data=str(data),
        images=ImagesConfig(size=16, crop=1, crop_area=0.3, rotation=20.0, brightness=0.3, erasing=0.5),
        captions=CaptionsConfig("none"),
        train=TrainConfig(batch_size=40, epochs=8),
    )
    records = read_labelled(config).records.take(range(39, -1, -1))
    shown: dict[str, Any] = {}
    monkeypatch.setattr(
        plots, "augmentation", lambda *arguments: shown.update(zip("ods", arguments, strict=True))
    )
    contact_sheet(make_run(tmp_path, config, records.ids.tolist()))
    encode = caption_encoder(config.captions, EncoderState())
    evaluated = next(evaluation_batches(records, config, encode).as_numpy_iterator())["image"]
    np.testing.assert_array_equal(shown["o"], evaluated[:4])
    assert shown["d"].shape == (4, 8, 16, 16, 3)
    trained = training_batches(records, config, encode)[0].as_numpy_iterator()
    for epoch, (inputs, labels) in enumerate(trained):
        for row, drawn in enumerate(shown["d"][:, epoch]):
            distances = np.abs(inputs["image"] - drawn).max(axis=(1, 2, 3))
            assert distances.min() < 0.01
            np.testing.assert_array_equal(labels[distances.argmin()], records.labels[row])
    assert shown["s"] == ["original", *(f"epoch {number}" for number in range(1, 9))]


def test_a_run_without_images_has_no_sheet(data: Path, tmp_path: Path) -> None:
    images = ImagesConfig(size=16)
    captions_alone = Config(data=str(data), images=images, tower=TowerConfig("none"))
    assert contact_sheet(make_run(tmp_path, captions_alone, ["0.jpg"])) is None
    config = Config(data=str(data), images=images)
    assert contact_sheet(make_run(tmp_path, config, ["gone.jpg"])) is None
    figure = contact_sheet(make_run(tmp_path, config, ["gone.jpg", "0.jpg"]))
    assert figure is not None
    assert len(figure.axes) == 9


def test_each_image_has_a_row_of_its_own() -> None:
    rng = np.random.default_rng(0)
    originals, draws = rng.uniform(0, 255, (2, 5, 5, 3)), rng.uniform(0, 255, (2, 3, 5, 5, 3))
    axes = plots.augmentation(originals, draws, ["original", "a", "b", "c"]).axes
    shown = np.array([each.get_images()[0].get_array() for each in axes]).reshape(2, 4, 5, 5, 3)
    np.testing.assert_array_equal(shown[:, 0], np.rint(originals))
    np.testing.assert_array_equal(shown[:, 1:], np.rint(draws))
    assert [each.get_title() for each in axes] == ["original", "a", "b", "c", "", "", "", ""]
    assert not any(each.axison for each in axes)
