"""The run directory: every file of a run by name, and which runs there are."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.lock import is_locked
from kmlc.program import command_line
from kmlc.training.manifest import NAME, Manifest, now, read_manifest, write_manifest

RUNS = Path("runs")


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run. Nothing in them can run code: JSON, YAML, CSV and arrays.

    Attributes:
        path: the directory.

    Example:
        run = RunDirectory(Path("runs/2026-01-31-hybrid"))
        metrics = read_json(verified(run.metrics))
    """

    path: Path

    @property
    def config(self) -> Path:
        """The resolved settings."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        """Versions, device, precision and git commit of the last process that trained."""
        return self.path / "environment.json"

    @property
    def data_report(self) -> Path:
        """The problems found in the tables, and how each was handled."""
        return self.path / "data_report.json"

    @property
    def split(self) -> Path:
        """The image names of the rows of each split."""
        return self.path / "split.json"

    @property
    def labels(self) -> Path:
        """The label vocabulary."""
        return self.path / "labels.json"

    @property
    def encoder(self) -> Path:
        """The encoder state: word pieces, sizes of a pretrained BERT, image backbone of a preset."""
        return self.path / "encoder.json"

    @property
    def log(self) -> Path:
        """What training printed."""
        return self.path / "train.log"

    @property
    def history(self) -> Path:
        """The metrics and the seconds of every epoch."""
        return self.path / "history.csv"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's logs."""
        return self.path / "tensorboard"

    @property
    def checkpoint(self) -> Path:
        """The state after the last finished epoch, for resuming."""
        return self.path / "checkpoint" / "state.npz"

    @property
    def best_state(self) -> Path:
        """The state after the best epoch so far."""
        return self.checkpoint.with_name("best.npz")

    @property
    def frozen_weights(self) -> Path:
        """The frozen weights, which these states do not have."""
        return self.checkpoint.with_name("frozen.npz")

    @property
    def best_weights(self) -> Path:
        """The weights of the best epoch."""
        return self.path / "best.weights.h5"

    @property
    def thresholds(self) -> Path:
        """The threshold of each class."""
        return self.path / "thresholds.json"

    @property
    def logits(self) -> Path:
        """The logits and labels of every split that was evaluated."""
        return self.path / "logits.npz"

    @property
    def metrics(self) -> Path:
        """The metrics."""
        return self.path / "metrics.json"

    @property
    def rows(self) -> Path:
        """A hash of each part of each row that is used (`kmlc.training.row_hashes`)."""
        return self.path / "rows.npz"

    @property
    def failure(self) -> Path:
        """Why the run can never be finished, in one line; only a run that failed for good has it."""
        return self.path / "failure.json"

    @property
    def plots(self) -> Path:
        """The plots."""
        return self.path / "plots"

    @property
    def report(self) -> Path:
        """The human-readable report."""
        return self.path / "report.md"

    @property
    def submission(self) -> Path:
        """The submission of the run, where `predict` is given no other name."""
        return self.path / "submission.csv"

    @property
    def cleaned(self) -> dict[str, Path]:
        """The tables after cleaning: of the labelled rows (`train`), and of those to predict (`test`)."""
        return {name: self.path / f"{name}_cleaned.csv" for name in ("train", "test")}

    @property
    def is_new(self) -> bool:
        """Whether there is nothing in the directory but what a command leaves that was stopped before a run.

        These are hidden files, such as a lock, and files of a run without the manifest, which is written
        last. Files that kmlc does not write are somebody's.
        """
        if not self.path.exists():
            return True
        found = {each.name for each in self.path.iterdir() if not each.name.startswith(".")}
        # The split is written first: a folder of somebody's own config.yaml has none.
        return not found or (
            self.split.name in found and found <= {*_names(self._of_start), *_names(self.cleaned.values())}
        )

    @property
    def started(self) -> bool:
        """Whether there is a run: its manifest is written last of all that resuming needs."""
        return (self.path / NAME).is_file()

    @property
    def finished(self) -> bool:
        """Whether the run is finished.

        Raises:
            UserError: if its manifest is damaged.
        """
        return self.started and self.manifest.finished is not None

    @property
    def manifest(self) -> Manifest:
        """When the run started and finished, and the SHA-256 of its files."""
        return read_manifest(self.path)

    def start(self, started: str | None = None) -> None:
        """Write the manifest of a run that starts now, or that continues one which started earlier."""
        write_manifest(self.path, _names(self._of_start), started or now())

    def finish(self) -> None:
        """Write the manifest of the run, which finishes now."""
        write_manifest(self.path, _names(self._of_start + self._of_end), self.manifest.started, now())

    @property
    def _of_start(self) -> list[Path]:
        """The files that resuming reads."""
        return [self.config, self.split, self.labels, self.encoder, self.rows, self.data_report]

    @property
    def _of_end(self) -> list[Path]:
        """The further files that prediction and reports read."""
        return [
            *(self.environment, self.history, self.best_weights),
            *(self.thresholds, self.logits, self.metrics),
        ]

    def owns(self, path: Path) -> bool:
        """Return whether training or its report writes the file at a path in the run directory."""
        others = [self.path / NAME, self.log, self.report, self.plots, self.tensorboard, self.failure]
        # The tables of the tasks' reports.
        tables = [self.path / name for name in ("per_class.csv", "subclasses.csv")]
        own = [
            *self._of_start,
            *self._of_end,
            *others,
            *tables,
            *self.cleaned.values(),
            self.checkpoint.parent,
        ]
        target = Path(os.path.realpath(path))
        return any(target.is_relative_to(os.path.realpath(each)) for each in own)


def _names(paths: Iterable[Path]) -> list[str]:
    return [path.name for path in paths]


def new_run(name: str) -> RunDirectory:
    """Make the directory runs/<date>-<name>, with a number appended if it exists."""
    stem = RUNS / f"{date.today().isoformat()}-{name}"
    path, number = stem, 1
    RUNS.mkdir(exist_ok=True)
    while True:
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
            path = stem.with_name(f"{stem.name}-{number}")
        else:
            return RunDirectory(path)


def create_run(config: Config) -> RunDirectory:
    """Make the directory that the settings name, or one in runs/ if they name none."""
    if config.run is None:
        return new_run(config.model)
    run = RunDirectory(Path(config.run))
    run.path.mkdir(parents=True, exist_ok=True)
    return run


def existing_run(path: Path) -> RunDirectory:
    """Return the run at `path`.

    Raises:
        UserError: if there is none.
    """
    run = RunDirectory(path)
    if not run.started:
        raise UserError(
            f"{path}: not a run directory; expected one with a {NAME}, as this version makes in {RUNS}/"
        )
    return run


def check_finished(run: RunDirectory) -> None:
    """Raise a `UserError` if a run is not finished."""
    if not run.finished:
        resume = command_line("train", "--resume", run.path)
        raise UserError(
            f"{run.path}: this run is not finished; continue it ({resume}) or name a finished one"
        )


def newest_run(finished: bool) -> RunDirectory:
    """Return the run in runs/ that finished last, or the unfinished one that started last.

    The times are those in the manifests, so that copied files count as the originals; of runs with the same
    time the last by name is taken. Unfinished runs that a process is training now, or that
    failed for good, do not count.

    Raises:
        UserError: if there is none, or a manifest is damaged.
    """
    runs = [RunDirectory(manifest.parent) for manifest in RUNS.glob(f"*/{NAME}")]
    if finished:
        times = {(str(run.manifest.finished), run.path.name): run for run in runs if run.finished}
    else:
        unfinished = [
            run for run in runs if not (run.finished or run.failure.is_file() or is_locked(run.path))
        ]
        times = {(run.manifest.started, run.path.name): run for run in unfinished}
    if not times:
        kind = "finished run" if finished else "unfinished run that no process is training"
        command = command_line("train", "--model", "hybrid")
        raise UserError(f"{RUNS}/: no {kind} there; {command} starts one")
    return times[max(times)]
