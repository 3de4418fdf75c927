from dataclasses import replace
from pathlib import Path

import keras
import pytest

from kmlc.config import Config, FusionConfig, LossConfig, TowerConfig, TrainConfig
from kmlc.settings import config_from_flags, setting_types
from kmlc.tasks.rows import read_labelled
from kmlc.tuning.estimate import SPEED_NEUTRAL, Cost, cost_key, measure_cost, study_seconds
from tests.helpers import TINY

SMALL, LARGE = TrainConfig(batch_size=30), TrainConfig(batch_size=50)


def trial(train: TrainConfig, epochs: int, rate: float = 0.1, dropout: float = 0.5) -> Config:
    train = replace(train, epochs=epochs, learning_rate=rate)
    return Config(train=train, fusion=FusionConfig(dropout=dropout))


COSTS = {cost_key(trial(SMALL, 1)): Cost(5.0, 10.0), cost_key(trial(LARGE, 1)): Cost(3.0, 7.0)}


def test_every_neutral_setting_exists() -> None:
    keys = set(setting_types())
    assert set(SPEED_NEUTRAL) <= keys | {key.partition(".")[0] for key in keys}


def test_trials_that_differ_in_neutral_settings_alone_are_of_one_kind() -> None:
    plain = Config()
    neutral = [
        replace(plain, seed=7, run="elsewhere", objective="macro"),
        replace(plain, train=TrainConfig(epochs=3, learning_rate=0.5, monitor="loss", plateau_factor=0.1)),
        replace(plain, fusion=FusionConfig(dropout=0.9)),
        replace(plain, tower=TowerConfig(dropouts=[0.1])),
        replace(plain, loss=LossConfig("bce", class_weights=[1.0, 2.0])),
    ]
    assert {cost_key(config) for config in neutral} == {cost_key(plain)}
    others = [
        replace(plain, train=LARGE),
        replace(plain, train=TrainConfig(accumulation=2)),
        replace(plain, fusion=FusionConfig(hidden_dim=7)),
        replace(plain, tower=TowerConfig(hidden_dims=[3])),
        replace(plain, tower=TowerConfig("vgg16")),
        replace(plain, data="elsewhere"),
    ]
    assert len({cost_key(config) for config in [plain, *others]}) == 7


@pytest.mark.parametrize(
    ("shared", "workers", "expected"),
    [
        # Apart: 5 + 10, 5 + 30, 3 + 7, and 5 + 10 at another rate.
        (False, 1, 15 + 35 + 10 + 15),
        # The second trial comes last, as if it could go on from the first: 15, 35 beside 10, 15.
        (False, 2, 15 + 35),
        (False, 4, 35),
        # Shared: the second trial pays two further epochs, 5 + 20.
        (True, 1, 15 + 25 + 10 + 15),
        # The second trial waits for the first: 15, 25 beside 10, 15.
        (True, 2, 15 + 25),
        # Nothing else is left for the fourth worker, so it trains all three epochs beside the first.
        (True, 4, 35),
    ],
)
def test_study_seconds(shared: bool, workers: int, expected: float) -> None:
    configs = [trial(SMALL, 1), trial(SMALL, 3), trial(LARGE, 1), trial(SMALL, 1, rate=0.2)]
    assert study_seconds(configs, COSTS, shared, workers) == expected


def test_only_trials_that_differ_in_epochs_alone_share() -> None:
    configs = [trial(SMALL, 3), trial(SMALL, 1, dropout=0.7), replace(trial(SMALL, 2), seed=1)]
    assert study_seconds(configs, COSTS, shared=False, workers=1) == 35 + 15 + 25
    assert study_seconds(configs, COSTS, shared=True, workers=1) == 35 + 15 + 25


def test_the_directory_does_not_hinder_sharing() -> None:
    configs = [trial(SMALL, 1), replace(trial(SMALL, 3), run="elsewhere")]
    assert study_seconds(configs, COSTS, shared=True, workers=1) == 15 + 25


def test_two_workers_by_hand() -> None:
    """Seconds 5 and 10 an epoch; two rates with 1, 2 and 3 epochs, a1 to a3 and b1 to b3.

    The first worker: a1 to 15, a2 to 30 (one further epoch), a3 to 45. The second the same with b.
    With one rate alone: a1 to 15 beside a2 to 25, which nobody else could do; a3 from 15 on, when a1 alone is
    finished, to 15 + 5 + 20.
    """
    configs = [trial(SMALL, epochs, rate) for rate in (0.1, 0.2) for epochs in (1, 2, 3)]
    assert study_seconds(configs, COSTS, shared=True, workers=2) == 45
    assert study_seconds(configs[:3], COSTS, shared=True, workers=2) == 40
    # Apart: 15, 25, 35, 15, 25, 35 go to the workers as 15 + 35 + 25, and 25 + 15 + 35.
    assert study_seconds(configs, COSTS, shared=False, workers=2) == 75


def test_without_trials_it_takes_no_time() -> None:
    assert study_seconds([], {}, shared=True, workers=2) == 0


def test_measuring_trains_and_leaves_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of so small a run, building and tracing are the larger part."""
    monkeypatch.chdir(tmp_path)
    flags = [*TINY, "--tower.name=none", "--captions.encoder=bigram", f"--data={data}", "--split.test=0.2"]
    config = config_from_flags(flags)
    before = keras.config.dtype_policy()
    cost = measure_cost(config, read_labelled(config))
    assert 0 < cost.epoch < cost.start < 60
    assert keras.config.dtype_policy() == before
    assert not list(tmp_path.iterdir())
