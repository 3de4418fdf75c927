"""The run directory: every file of a run by name, and which runs there are."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.lock import is_locked
from kmlc.program import command_line

RUNS = Path("runs")


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run. Nothing in them can run code: JSON, YAML, CSV and arrays.

    Attributes:
        path: the directory.

    Example:
        run = RunDirectory(Path("runs/2026-01-31-hybrid"))
        metrics = read_json(run.metrics)
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
        """The encoder state: word pieces, sizes of a pretrained BERT, width of feature vectors."""
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
        """The metrics; written last: a run with this file is finished."""
        return self.path / "metrics.json"

    @property
    def plots(self) -> Path:
        """The plots."""
        return self.path / "plots"

    @property
    def report(self) -> Path:
        """The human-readable report."""
        return self.path / "report.md"

    @property
    def finished(self) -> bool:
        """Whether the run is finished."""
        return self.metrics.is_file()


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
    if not run.config.is_file():
        raise UserError(
            f"{path}: not a run directory; expected one with a config.yaml, as training makes in {RUNS}/"
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
    """Return the run in runs/ that finished last, or the unfinished one that was started last.

    Unfinished runs that a process is training now do not count.

    Raises:
        UserError: if there is none.
    """
    runs = [RunDirectory(config.parent) for config in RUNS.glob("*/config.yaml")]
    if finished:
        times = {run.metrics.stat().st_mtime_ns: run for run in runs if run.finished}
    else:
        unfinished = [run for run in runs if not run.finished and not is_locked(run.path)]
        times = {run.config.stat().st_mtime_ns: run for run in unfinished}
    if not times:
        kind = "finished run" if finished else "unfinished run that no process is training"
        command = command_line("train", "--model", "hybrid")
        raise UserError(f"{RUNS}/: no {kind} there; {command} starts one")
    return times[max(times)]
