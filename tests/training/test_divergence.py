"""Runs whose loss or logits become NaN. They ended in scikit-learn's traceback, or with NaN everywhere."""

import math
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.reports.report import write_report
from kmlc.settings import config_from_flags
from kmlc.training import train as training
from kmlc.training.divergence import DivergenceError, check_logits, check_loss
from kmlc.training.run_directory import RUNS, RunDirectory, newest_run
from kmlc.training.train import train
from tests.helpers import TINY, assert_same_history

FAST = [*TINY, "--tower.name=none", "--captions.encoder=bigram", "--thresholds.method=curve"]
STEPS = 4
"""Of an epoch: 29 training rows in batches of 8."""


def settings(data: Path, run: Path, *flags: str) -> Config:
    return config_from_flags([*FAST, f"--data={data}", f"--run={run}", "--train.epochs=4", *flags])


class Diverging(keras.callbacks.Callback):
    """Makes the weights NaN after a step; epoch and step count from 1."""

    def __init__(self, epoch: int, step: int) -> None:
        super().__init__()
        self.last = epoch, step

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if (self.epoch, batch + 1) == self.last:
            for weight in self.model.trainable_weights:
                weight.assign(np.full(weight.shape, math.nan))


@pytest.mark.parametrize(
    ("loss", "message"), [(math.nan, "loss became NaN"), (math.inf, "loss became infinite")]
)
def test_a_loss_that_is_no_number_names_the_step(loss: float, message: str) -> None:
    check_loss(1e30, step=1)
    with pytest.raises(DivergenceError, match=f"^{message} at step 17$"):
        check_loss(loss, step=17)


def test_logits_that_are_no_numbers_are_counted() -> None:
    logits = np.zeros((3, 2), np.float32)
    check_logits(logits, "test")
    logits[0, 1], logits[2] = math.inf, math.nan
    with pytest.raises(DivergenceError, match=r"^logits of 2 of 3 test rows became NaN or infinite$"):
        check_logits(logits, "test")


@pytest.mark.parametrize(
    ("epoch", "step", "said"),
    [
        (3, 2, "loss became NaN at step 3 in epoch 3"),
        pytest.param(
            *(3, STEPS, "logits of 9 of 9 validation rows became NaN or infinite in epoch 3"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_diverged_run_finishes_with_its_best_epoch_also_if_resumed(
    epoch: int,
    step: int,
    said: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = train(settings(data, tmp_path / "run"), callbacks=[Diverging(epoch, step)])
    metrics = read_json(run.metrics)
    history = pd.read_csv(run.history)
    assert history["epoch"].tolist() == [1, 2]
    assert np.isfinite(history.drop(columns="val_macro_auroc", errors="ignore").to_numpy()).all()
    best = metrics["best_epoch"]
    score = metrics["validation"]["micro_f1"]
    assert best == 1 + history["val_micro_f1"].argmax()
    assert score == history["val_micro_f1"].max()
    assert (metrics["epochs"], metrics["diverged"]) == (2, said)
    line = f"\n{said}; the run ends with its best epoch, {best} (micro F1 {score:.4f})\n"
    assert line in capsys.readouterr().out
    write_report(run)
    assert f"\nTraining stopped: {said}.\n" in run.report.read_text()

    def stopped(*arguments: object) -> None:
        raise KeyboardInterrupt

    config = settings(data, tmp_path / "resumed")
    with monkeypatch.context() as patch:
        patch.setattr(training, "write_results", stopped)
        with pytest.raises(KeyboardInterrupt):
            train(config, callbacks=[Diverging(epoch, step)])
    assert f"--resume {tmp_path / 'resumed'}\n" in capsys.readouterr().out
    resumed = train(config, resume=tmp_path / "resumed", callbacks=[Diverging(epoch, step)])
    assert_same_history(run.path, resumed.path)
    assert not resumed.checkpoint.parent.exists()  # a finished run needs none
    again = read_json(resumed.metrics)
    for each in (metrics, again):
        each.pop("weights_sha256", None)  # HDF5 files of the same weights may differ
    assert again == metrics


def test_a_run_without_a_finished_epoch_says_what_to_try(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Resuming it would diverge again and again."""
    monkeypatch.chdir(tmp_path)
    path = RUNS / "high"
    config = settings(data, path, "--train.learning_rate=1e30", "--train.precision=float32")
    reason = (
        r"loss became (NaN|infinite) at step \d in epoch 1, before any epoch was finished; "
        r"try a train\.learning_rate below 1e\+30$"
    )
    with pytest.raises(UserError, match=f"^{path}: {reason}"):
        train(config)
    assert "To continue" not in capsys.readouterr().out
    for resume in (path, None):
        with pytest.raises(UserError, match=f"^{path}: this run cannot be continued: {reason}"):
            train(config, resume=resume)
    with pytest.raises(UserError, match="no unfinished run"):
        newest_run(finished=False)


def test_logits_that_are_no_numbers_at_the_end_reach_no_metric(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float16 those of a single test row may overflow."""

    def overflowing(path: Path, model: keras.Model) -> None:
        for weight in model.trainable_weights:
            weight.assign(np.full(weight.shape, math.inf))

    monkeypatch.setattr(training, "load_weights", overflowing)
    with pytest.raises(UserError, match="logits of 9 of 9 validation rows became NaN or infinite; try"):
        train(settings(data, tmp_path / "run", "--train.epochs=1"))
    run = RunDirectory(tmp_path / "run")
    assert not run.finished
    assert not run.metrics.exists()
