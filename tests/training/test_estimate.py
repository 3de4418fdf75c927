from dataclasses import replace
from pathlib import Path

import keras
import pytest

from kmlc.config import CacheConfig, Config, FusionConfig, LossConfig, TowerConfig, TrainConfig
from kmlc.data.boundary_values import ComputedValues, StoredValues
from kmlc.data.columns import strings
from kmlc.data.encoder_state import EncoderState
from kmlc.data.records import Records, unknown_labels
from kmlc.models.boundary import FrozenPart
from kmlc.setting_flags import setting_types
from kmlc.settings import config_from_flags
from kmlc.tasks.rows import read_labelled
from kmlc.training.estimate import SETTINGS_WITHOUT_COST, Cost, cost_key, measure_cost
from kmlc.training.frozen import SplitModel
from tests.helpers import TINY


def test_every_setting_without_cost_exists() -> None:
    keys = set(setting_types())
    assert set(SETTINGS_WITHOUT_COST) <= keys | {key.partition(".")[0] for key in keys}


def test_settings_without_cost_do_not_change_the_cost_key() -> None:
    plain = Config()
    equal = [
        replace(plain, seed=7, run="elsewhere", objective="macro"),
        replace(plain, train=TrainConfig(epochs=3, learning_rate=0.5, monitor="loss", plateau_factor=0.1)),
        replace(plain, train=TrainConfig(schedule="cosine", warmup=1, image_rate=0.1, layer_decay=0.8)),
        replace(plain, fusion=FusionConfig(dropout=0.9)),
        replace(plain, tower=TowerConfig(dropouts=[0.1])),
        replace(plain, loss=LossConfig("bce", class_weights=[1.0, 2.0])),
    ]
    assert {cost_key(config) for config in equal} == {cost_key(plain)}
    others = [
        replace(plain, train=TrainConfig(batch_size=50)),
        replace(plain, train=TrainConfig(accumulation=2)),
        replace(plain, fusion=FusionConfig(hidden_dim=7)),
        replace(plain, tower=TowerConfig(hidden_dims=[3])),
        replace(plain, tower=TowerConfig("vgg16")),
        replace(plain, data="elsewhere"),
    ]
    assert len({cost_key(config) for config in [plain, *others]}) == 7


def test_seconds_are_the_start_and_each_epoch() -> None:
    assert Cost(start=5.0, epoch=10.0).seconds(3) == 35.0


def test_measuring_leaves_no_files(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In so small a run, building and tracing take most of the time."""
    monkeypatch.chdir(tmp_path)
    flags = [*TINY, "--tower.name=none", "--captions.encoder=bigram", f"--data={data}", "--split.test=0.2"]
    config = config_from_flags(flags)
    before = keras.config.dtype_policy()
    cost = measure_cost(config, read_labelled(config))
    assert 0 < cost.epoch < cost.start < 60
    assert keras.config.dtype_policy() == before
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("gigabytes", "kind"), [(0.0, ComputedValues), (1e-6, StoredValues)])
def test_steps_are_timed_with_what_the_cache_cannot_hold(gigabytes: float, kind: type) -> None:
    """Frozen layers that are computed in every epoch were not counted."""
    images = keras.Input((4, 4, 3), name="image")
    frozen = keras.Model({"image": images}, keras.layers.Flatten()(images))
    part = FrozenPart("image", 0, frozen, images)
    config = Config(cache=CacheConfig(gigabytes=gigabytes))
    records = Records(strings(["0", "1"]), strings(["", ""]), strings(["", ""]), unknown_labels(2))
    splits = {"training": records, "validation": records}
    values = SplitModel([part], frozen, config, EncoderState()).values_to_time(records, splits)
    assert type(values["image"]) is kind
    too_many = dict.fromkeys(["training", *map(str, range(5))], records)  # of 192 bytes a row
    values = SplitModel([part], frozen, config, EncoderState()).values_to_time(records, too_many)
    assert type(values["image"]) is ComputedValues
