from dataclasses import replace

import numpy as np
import pytest

from kmlc.config import CaptionsConfig, Config, ImagesConfig, LabelsConfig, LossConfig, TowerConfig
from kmlc.data.columns import strings
from kmlc.data.records import Records
from kmlc.objectives.losses import mean_class_alpha
from kmlc.training.auto_settings import resolve, resolve_as, resolve_image_size

LABELS = np.array([[1, 0], [1, 1]], np.uint8)
ROWS = Records(strings(["0.jpg", "1.jpg"]), strings(["", ""]), strings(["", "a dog"]), LABELS)


@pytest.mark.parametrize(
    ("config", "size"),
    [
        (Config(data="folder"), 224),
        (Config(), 64),
        (Config(tower=TowerConfig("inceptionv3")), 75),
        (Config(data="folder", tower=TowerConfig("inceptionv3")), 224),
        (Config(tower=TowerConfig("none")), 64),
        (Config(images=ImagesConfig(size=32)), 32),
    ],
)
def test_auto_image_size_depends_on_data_and_tower(config: Config, size: int) -> None:
    assert resolve_image_size(config).images.resolved_size == size


def test_label_kind_and_alpha_come_from_the_data() -> None:
    resolved = resolve(Config(), "integer", ROWS)
    assert (resolved.labels.kind, resolved.loss.alpha) == ("integer", mean_class_alpha(LABELS))
    assert resolve(resolved, "name", ROWS.take([1])) == resolved


def test_given_settings_are_kept() -> None:
    config = Config(
        images=ImagesConfig(size=32), labels=LabelsConfig(kind="name"), loss=LossConfig(alpha=2.0)
    )
    assert resolve(config, "integer", ROWS) == config


def test_alpha_of_another_loss_stays_auto() -> None:
    assert resolve(Config(loss=LossConfig("bce")), "name", ROWS).loss.alpha == "auto"


def test_what_depends_on_the_device_stays_auto() -> None:
    train = resolve(Config(), "name", ROWS).train
    assert (train.precision, train.xla) == ("auto", "auto")


def test_unresolved_settings_have_no_size() -> None:
    with pytest.raises(ValueError, match=r"^images\.size: expected a number.*got auto$"):
        _ = ImagesConfig().resolved_size


def test_resolve_as_takes_what_is_auto_from_resolved_settings() -> None:
    resolved = resolve(Config(), "integer", ROWS)
    assert resolve_as(Config(), resolved) == resolved
    mine = Config(labels=LabelsConfig(kind="name"), loss=LossConfig(alpha=2.0))
    assert resolve_as(mine, resolved) == resolve_image_size(mine)


def test_captions_without_words_are_not_used() -> None:
    """The default model crashed where no caption has a word."""
    wordless = replace(ROWS, captions=strings(["", " \n"]))
    preset = Config(captions=CaptionsConfig(preset="no_such_preset"))
    for config in (Config(), Config(captions=CaptionsConfig("bigram")), preset):
        assert resolve(config, "name", ROWS).captions == config.captions
        resolved = resolve(config, "name", wordless)
        assert resolved.captions == replace(config.captions, encoder="none")
        assert resolve(resolved, "name", wordless) == resolve_as(config, resolved) == resolved
