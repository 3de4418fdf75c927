"""Late fusion of two tiny runs, of the image branch and of the caption branch, by a third one."""

import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.settings import config_from_flags
from kmlc.training.restore import restore
from kmlc.training.run_directory import RunDirectory
from kmlc.training.train import train
from tests.helpers import ROOT, TINY, run_command

TOWER = "--tower.name=simple_cnn"
LATE = "--fusion.name=late"

Settings = Callable[..., Config]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("branches")


@pytest.fixture(scope="module")
def flags(data: Path, folder: Path) -> Callable[..., list[str]]:
    """From the name of a run and what sets it apart to flags."""

    def flags_of(name: str, *flags: str) -> list[str]:
        return [
            *TINY,
            TOWER,
            f"--data={data}",
            f"--run={folder / name}",
            "--train.monitor=none",
            "--train.epochs=1",
            *flags,
        ]

    return flags_of


@pytest.fixture(scope="module")
def settings(flags: Callable[..., list[str]]) -> Settings:
    return lambda *arguments: config_from_flags(["--model=hybrid", *flags(*arguments)])


@pytest.fixture(scope="module")
def image_run(settings: Settings) -> RunDirectory:
    return train(settings("image", "--captions.encoder=none"))


@pytest.fixture(scope="module")
def caption_run(settings: Settings) -> RunDirectory:
    return train(settings("caption", "--tower.name=none"))


@pytest.fixture(scope="module")
def runs(image_run: RunDirectory, caption_run: RunDirectory) -> list[str]:
    """The flags that name both."""
    return [f"--fusion.image_run={image_run.path}", f"--fusion.caption_run={caption_run.path}"]


@pytest.fixture(scope="module")
def late_run(settings: Settings, runs: list[str]) -> RunDirectory:
    return train(settings("late", LATE, *runs))


def assert_equal(one: keras.layers.Layer, other: keras.layers.Layer) -> None:
    ours, theirs = one.get_weights(), other.get_weights()
    assert len(ours) == len(theirs) > 0
    for weight, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.slow
def test_only_the_mix_is_trained(
    late_run: RunDirectory, image_run: RunDirectory, caption_run: RunDirectory
) -> None:
    late, image, caption = (restore(run).model for run in (late_run, image_run, caption_run))
    assert_equal(late.get_layer("image_tower"), image.get_layer("image_tower"))
    assert_equal(late.get_layer("image_head"), image.get_layer("head"))
    assert_equal(late.get_layer("bert"), caption.get_layer("bert"))
    assert_equal(late.get_layer("caption_head"), caption.get_layer("head"))
    kernel, bias = late.get_layer("mix").get_weights()
    assert [weight.path for weight in late.trainable_weights] == ["mix/kernel", "mix/bias"]
    assert (kernel != 0.5).all()
    assert (bias != 0).all()


def test_a_branch_without_a_run_is_trained(settings: Settings, image_run: RunDirectory) -> None:
    fresh = ["--captions.encoder=bigram", LATE, f"--fusion.image_run={image_run.path}"]
    model, image = restore(train(settings("half", *fresh))).model, restore(image_run).model
    assert_equal(model.get_layer("image_tower"), image.get_layer("image_tower"))
    assert_equal(model.get_layer("image_head"), image.get_layer("head"))
    bias = model.get_layer("caption_head").model.get_layer("logits").bias
    assert np.all(np.asarray(bias) != 0)


MISMATCHES = [
    (["--fusion.name=concat"], r"fusion\.image_run: expected fusion\.name late with it; got concat"),
    (["--tower.dropout=0.3"], r"image_run: .*image: expected the same settings of tower and images\.size; "),
    (["--images.size=24"], r"image_run: .*image: expected the same settings of tower and images\.size; "),
    (["--captions.layers=2"], r"caption_run: .*caption: expected the same settings of captions; they differ"),
    (["--fusion.hidden_dim=9"], r"image_run: .*image: expected fusion\.hidden_dim 8 as in it; got 9"),
    (["--fusion.normalize=true"], r"image_run: .*image: expected fusion\.normalize false as in it; got true"),
    (
        ["--seed=7"],
        r"image_run: .*expected a run that was not trained on the rows held out now; it was",
    ),
    (["--labels.vocabulary=[1, 3, 18, 19]"], r"image_run: .*expected the same labels; they differ"),
    (["--captions.encoder=none"], r"got tower\.name simple_cnn and captions\.encoder none"),
    (["--tower.name=none"], r"got tower\.name none and captions\.encoder bert"),
]


def assert_refused(config: Config, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        train(config)
    assert "\n" not in str(raised.value)
    assert config.run is not None
    assert not Path(config.run).exists()


@pytest.mark.parametrize(("change", "message"), MISMATCHES)
def test_a_run_with_other_settings_or_labels_is_refused(
    settings: Settings, runs: list[str], change: list[str], message: str
) -> None:
    assert_refused(settings("refused", LATE, *runs, *change), message)


def test_a_run_of_the_other_branch_is_refused(
    settings: Settings, image_run: RunDirectory, caption_run: RunDirectory
) -> None:
    """The check comes before the model is built, which the encoder state of such a run does not fit.

    The message said of a run of one branch that it has both.
    """
    for_images = f"--fusion.image_run={caption_run.path}"
    assert_refused(
        settings("refused", LATE, for_images), r"expected a run with captions\.encoder none; got bert$"
    )
    for_captions = f"--fusion.caption_run={image_run.path}"
    assert_refused(
        settings("refused", LATE, for_captions), r"expected a run with tower\.name none; got simple_cnn$"
    )


def test_a_run_of_both_branches_is_refused(settings: Settings, late_run: RunDirectory) -> None:
    message = r"fusion\.image_run: .*late: expected a run with captions\.encoder none; got bert"
    assert_refused(settings("refused", LATE, f"--fusion.image_run={late_run.path}"), message)


def test_an_unfinished_run_is_refused(settings: Settings, image_run: RunDirectory, tmp_path: Path) -> None:
    unfinished = RunDirectory(tmp_path / "unfinished")
    shutil.copytree(image_run.path, unfinished.path)
    unfinished.start()
    late = settings("refused", LATE, f"--fusion.image_run={unfinished.path}")
    assert_refused(late, "unfinished: this run is not finished; continue it")


@pytest.mark.slow
def test_the_command_refuses_a_run_in_one_line(
    flags: Callable[..., list[str]], runs: list[str], folder: Path
) -> None:
    done = run_command(folder, str(ROOT / "train.py"), *flags("refused", LATE, *runs, "--seed=7"))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("train.py: error: fusion.image_run: ")
    assert not (folder / "refused").exists()
