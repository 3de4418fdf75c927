from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorboard.plugins.hparams import plugin_data_pb2

from kmlc.errors import UserError
from kmlc.reports.hparams import write_hparams

VALUES = {
    "train.epochs": 3,
    "train.learning_rate": 0.001,
    "loss.name": "focal",
    "images.horizontal_flip": False,
    "fusion.image_run": None,
    "tower.hidden_dims": [64, 32],
}


def read(path: Path) -> tuple[list[str], dict[str, Any], dict[str, float]]:
    """Return the trial ids, the settings and the metrics of an event file."""
    (file,) = path.iterdir()
    trials: list[str] = []
    settings: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    for record in tf.data.TFRecordDataset(str(file)):
        for each in tf.compat.v1.Event.FromString(record.numpy()).summary.value:
            if each.metadata.plugin_data.plugin_name == "scalars":
                metrics[each.tag] = float(tf.make_ndarray(each.tensor))
                continue
            data = plugin_data_pb2.HParamsPluginData.FromString(each.metadata.plugin_data.content)
            if data.HasField("session_start_info"):
                trials.append(data.session_start_info.group_name)
                for key, value in data.session_start_info.hparams.items():
                    settings[key] = getattr(value, value.WhichOneof("kind"))
    return trials, settings, metrics


def test_settings_and_metrics_come_back(tmp_path: Path) -> None:
    write_hparams(tmp_path, "3-seed42", VALUES, {"micro_f1": 0.85, "minutes": 12.5})
    trials, settings, metrics = read(tmp_path / "tensorboard" / "3-seed42")
    assert trials == ["3-seed42"]
    assert settings == {
        "train.epochs": 3,
        "train.learning_rate": 0.001,
        "loss.name": "focal",
        "images.horizontal_flip": False,
        "fusion.image_run": "null",
        "tower.hidden_dims": "[64, 32]",
    }
    assert metrics == {"micro_f1": pytest.approx(0.85), "minutes": 12.5}


def test_a_trial_written_twice_is_there_once(tmp_path: Path) -> None:
    write_hparams(tmp_path, "1-seed42", {"train.epochs": 1}, {"micro_f1": 0.5})
    write_hparams(tmp_path, "2-seed42", {"train.epochs": 2}, {"micro_f1": 0.75})
    write_hparams(tmp_path, "1-seed42", {"train.epochs": 1}, {"micro_f1": 0.25})
    assert read(tmp_path / "tensorboard" / "1-seed42") == (
        ["1-seed42"],
        {"train.epochs": 1},
        {"micro_f1": 0.25},
    )
    assert read(tmp_path / "tensorboard" / "2-seed42")[2] == {"micro_f1": 0.75}


def test_a_disk_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("a file where the folder would be")
    with pytest.raises(UserError, match=r"tensorboard/1-seed42: could not be written: "):
        write_hparams(tmp_path, "1-seed42", {"train.epochs": 1}, {"micro_f1": 0.5})
