"""Training, from settings to a finished run directory."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import keras
import tensorflow as tf

from kmlc.config import Config
from kmlc.data.batches import evaluation_batches, training_batches, unreadable_images
from kmlc.data.caption_encoders import caption_encoder
from kmlc.data.records import LabelledData
from kmlc.errors import UserError
from kmlc.files import write_json
from kmlc.lock import locked
from kmlc.markdown import counted, metric_title
from kmlc.output_log import OutputLog, logged_output
from kmlc.program import command_line
from kmlc.settings import checked, load_config
from kmlc.tasks.registry import ignored_settings, metrics_of, task_of
from kmlc.tasks.rows import read_labelled
from kmlc.training import environment
from kmlc.training.auto_settings import resolve, with_size_of
from kmlc.training.callbacks import EpochRecorder, Progress
from kmlc.training.checkpoint import load_frozen, load_state, load_weights, save_frozen, save_weights
from kmlc.training.compile import compiled_model, steps_per_execution
from kmlc.training.divergence import DivergenceError
from kmlc.training.early_stopping import best_epoch, monitored, should_stop
from kmlc.training.ema import ema_weights
from kmlc.training.evaluation import EvaluationSet, Validation
from kmlc.training.frozen import split_model
from kmlc.training.history import History, columns, write_history
from kmlc.training.image_views import note_on_views
from kmlc.training.manifest import verified
from kmlc.training.prepare import PreparedData, load_prepared_data, prepare_data, save_prepared_data
from kmlc.training.results import write_results
from kmlc.training.resume import check_not_started, check_same_settings, check_unfinished, unfinished_run
from kmlc.training.run_directory import RunDirectory, create_run


def train(
    config: Config,
    resume: Path | Literal["newest"] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    data: LabelledData | None = None,
    keep_checkpoint: bool = False,
) -> RunDirectory:
    """Train a model, fit its thresholds, and leave a finished run directory.

    Args:
        config: the settings. With `resume` they are ignored: the run keeps its own.
        resume: an unfinished run to continue, or "newest".
        callbacks: further callbacks of the fit, called after kmlc's own.
        data: the labelled rows, if they were read already; None reads them.
        keep_checkpoint: keep the state after the last epoch, for `kmlc.training.more_epochs`.

    Returns:
        The run directory, without report and plots.

    Raises:
        UserError: for settings or data that cannot be trained on, if another process trains the run, if
            loss or logits become NaN or infinite before an epoch is finished, or logits are not finite with
            the best epoch's weights.

    Example:
        run = train(Config(data="my_folder"))
    """
    with logged_output() as log, ExitStack() as stack:
        run = _train(checked(config), resume, callbacks, data, log, stack)
        if not keep_checkpoint:
            shutil.rmtree(run.checkpoint.parent, ignore_errors=True)
        return run


def _train(
    config: Config,
    resume: Path | Literal["newest"] | None,
    callbacks: Sequence[keras.callbacks.Callback],
    data: LabelledData | None,
    log: OutputLog,
    stack: ExitStack,
) -> RunDirectory:
    unfinished = unfinished_run(config, resume)
    if unfinished is None:
        settings = config
    else:
        stack.enter_context(locked(unfinished.path))
        check_unfinished(unfinished)  # again: the process that held the lock may have finished it
        saved = load_config(verified(unfinished.config))
        config = with_size_of(config, saved)
        settings = environment.with_precision_of(saved, unfinished.environment)
    stack.enter_context(environment.for_training(settings))

    if data is None:
        data = read_labelled(settings)
        print(data.report.summary(), flush=True)
    if unfinished is None:
        prepared = prepare_data(config, data)
    else:
        prepared = load_prepared_data(unfinished, data)
        if resume is None:
            check_same_settings(unfinished, resolve(config, data.label_kind, prepared.training))
        prepared = replace(prepared, config=replace(prepared.config, train=settings.train))
    if prepared.config.captions != settings.captions:
        alone = "images" if settings.tower.input == "image" else "feature vectors"
        print(
            f"captions.encoder {settings.captions.encoder} reads nothing in any training caption: "
            f"training on {alone} alone (captions.encoder none)"
        )
    config, training, validating = prepared.config, prepared.training, prepared.validation

    task = task_of(config, prepared.vocabulary)
    loss = task.loss(training.labels)
    fresh = unfinished is None or not unfinished.checkpoint.is_file()
    model = compiled_model(prepared, task, loss, fresh)
    parts = split_model(model, config, prepared.encoder_state)

    # Whatever can be wrong with settings and data was found by now: nothing is written before.
    run = unfinished or create_run(config)
    if unfinished is None:
        stack.enter_context(locked(run.path))
        check_not_started(run)  # again: another command may have started it while this one prepared
        save_prepared_data(run, data, prepared)
        _print_word_pieces(prepared)
    write_json(run.environment, environment.describe(config.train))
    log.save_to(run.log)
    rows = f"{counted(len(training), 'row')} to train on, {len(validating):,} to validate on"
    print(f"{rows}; run directory {run.path}")
    if run.checkpoint.is_file():
        load_frozen(run.frozen_weights, model, run.manifest.started)
        expected = columns(metrics_of(config))
        history = load_state(run.checkpoint, model, run.manifest.started, expected)
        write_history(run.history, history)  # a kill between the two files leaves it an epoch short
        print(f"Continuing after epoch {len(history)} of {config.train.epochs}")
    else:
        save_frozen(run.frozen_weights, model, run.manifest.started)
        history = []
    print(f"{model.name}: {model.count_params():,} parameters", flush=True)
    if ignored := ignored_settings(config):
        print(f"Settings that this task does not read: {', '.join(ignored)}", flush=True)
    if line := note_on_views(config, parts.parts):
        print(line, flush=True)

    encode = caption_encoder(config.captions, prepared.encoder_state)
    splits = {"validation": validating}
    if len(prepared.test):
        splits["test"] = prepared.test
    if config.train.evaluate_training:
        splits["training"] = training
    with _resume_hint(run, history), unreadable_images():
        values = parts.values({"training": training, **splits}, encode)
        evaluated = {
            name: EvaluationSet(
                parts.rest, evaluation_batches(rows, config, encode, values=values[name]), rows.labels
            )
            for name, rows in splits.items()
        }
        validation = Validation(evaluated["validation"], task, loss)
        batches, steps = training_batches(training, config, encode, len(history), values["training"])
        parts.rest.steps_per_execution = steps_per_execution(
            parts.rest, config.train.batch_size, steps, values["training"]
        )
        diverged = _fit(model, run, config, batches, steps, validation, history, callbacks)
        if not history:
            raise _record_failure(run, config, f"{diverged}, before any epoch was finished")
        load_state(run.best_state, model, run.manifest.started)
        with ema_weights(model):
            save_weights(run.best_weights, model)
        load_weights(run.best_weights, model)
        best = best_epoch(history, monitored(config, task)) + 1
        if diverged:
            score = f"{metric_title(task.objective)} {history[best - 1][f'val_{task.objective}']:.4f}"
            print(f"\n{diverged}; the run ends with its best epoch, {best} ({score})", flush=True)
        try:
            print(write_results(run, task, model, evaluated, best, len(history), diverged))
        except DivergenceError as error:
            raise _record_failure(run, config, str(error)) from None
    return run


def _print_word_pieces(prepared: PreparedData) -> None:
    if shares := prepared.unknown_shares:
        unknown = ", ".join(f"{share:.2%} of {name}" for name, share in shares.items())
        print(f"{len(prepared.encoder_state.vocabulary):,} word pieces; unknown in the captions: {unknown}")


@contextmanager
def _resume_hint(run: RunDirectory, history: History) -> Iterator[None]:
    """If the block is stopped, print how to continue the run, unless it has failed for good."""
    try:
        yield
    except (KeyboardInterrupt, UserError, OSError):
        if not (run.finished or run.failure.is_file()):
            print(
                f"\nStopped; finished epochs saved: {len(history)}. To continue:\n"
                f"  {command_line('train', '--resume', run.path)}"
            )
        raise


def _record_failure(run: RunDirectory, config: Config, reason: str) -> UserError:
    """Record in the run directory that another process would fail in the same way; return the error."""
    precision = "" if environment.precision(config.train) == "float32" else " or train.precision float32"
    lower = f"a train.learning_rate below {config.train.learning_rate:g}"
    advice = f"{reason}; try {lower}{precision}"
    write_json(run.failure, advice)
    return UserError(f"{run.path}: {advice}")


def _fit(
    model: keras.Model,
    run: RunDirectory,
    config: Config,
    batches: tf.data.Dataset,
    steps: int,
    validation: Validation,
    history: History,
    callbacks: Sequence[keras.callbacks.Callback],
) -> str | None:
    """Fit the epochs that the history lacks, append them to it, and return what diverged, if anything did."""
    task = validation.task
    done = len(history) >= config.train.epochs
    if done or should_stop(history, monitored(config, task), config.train.early_stopping):
        return None
    try:
        validation.rows.model.fit(
            batches,
            initial_epoch=len(history),
            epochs=config.train.epochs,
            steps_per_epoch=steps,
            shuffle=False,  # the batches are shuffled already
            verbose=0,
            callbacks=[
                EpochRecorder(run, config, history, validation, model),
                Progress(config, task, history),
                keras.callbacks.TensorBoard(run.tensorboard, write_graph=False),
                *callbacks,
            ],
        )
    except DivergenceError as error:
        return f"{error} in epoch {len(history) + 1}"
    return None
