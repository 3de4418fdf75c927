"""A study: one directory for a search over settings, with every trial that was trained for it."""

import dataclasses
import functools
import itertools
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.settings import FORMAT, dotted, read_settings
from kmlc.training.run_directory import RUNS, new_run
from kmlc.tuning.grid import EPOCHS, Grid, Values, shares
from kmlc.yaml_files import write_yaml

Search = Literal["grid", "random", "bayesian", "hyperband"]

RETRYING = ("grid", "random")
"""The searches whose failed trials the next command tries again."""

REPORTED = {"grid.title", "grid.metrics", "grid.published", "grid.source"}
"""What only the report of a study shows, by dotted key."""


@dataclass(frozen=True)
class StudyConfig:
    """What is searched: all that the metrics of a study depend on.

    Attributes:
        grid: the settings that vary, and those that do not.
        search: how trials are chosen: all of a grid, or by one of KerasTuner's searches.
        settings: settings of every trial, over those of the grid, by dotted key.
        max_trials: maximum number of trials; None is all of a grid.
        fraction: the fraction of the labelled rows that is used.
        seeds: the number of seeds that each trial is trained with: the settings' seed and those after it.
    """

    grid: Grid
    search: Search = "grid"
    settings: dict[str, Any] = field(default_factory=dict)
    max_trials: int | None = None
    fraction: float = 1.0
    seeds: int = 1

    def __post_init__(self) -> None:
        if self.search in ("random", "bayesian") and self.max_trials is None:
            raise UserError(f"--search {self.search}: expected --trials, the number of trials; got none")

    def config(self, values: Values) -> Config:
        """Return the settings of a trial, with the first of its seeds."""
        return self.grid.config(values, self.settings)

    def first_config(self) -> Config:
        """Return the settings with the first value of each that varies, for what no trial changes."""
        return self.config(self.grid.first_values())

    def seeds_of(self, values: Values) -> list[int]:
        """Return the seeds that a trial is trained with."""
        first = int(values.get("seed", self.first_config().seed))
        return list(range(first, first + self.seeds))

    def trials(self) -> list[dict[str, Any]]:
        """Return the trials of a grid search, in order; those of another search are not known beforehand."""
        return list(itertools.islice(self.grid.trials(), self.max_trials)) if self.search == "grid" else []

    @property
    def trial_count(self) -> int | None:
        """The number of trials, None where only the search knows it."""
        if self.search != "grid":
            return self.max_trials
        return self.grid.size if self.max_trials is None else min(self.grid.size, self.max_trials)

    def epochs_to_train(self, share: bool) -> dict[int, int]:
        """Return the maximum epochs of each trial, by its number; 1 in a search that draws its trials.

        With `share` a trial continues the one that differs from it in fewer epochs alone.
        """
        if self.search != "grid":
            return dict.fromkeys(range(1, (self.max_trials or 0) + 1), 1)
        first, trials, found = self.grid.first_values(), self.trials(), dict[int, int]()
        epochs = functools.cache(lambda model: self.config({**first, "model": model}).train.epochs)
        for number, values in enumerate(trials, start=1):
            found[number] = values.get(EPOCHS) or epochs(values.get("model", self.grid.model))
            # Trials that differ in their epochs alone are neighbours.
            if share and number > 1 and shares(shorter := trials[number - 2], values):
                found[number] -= shorter[EPOCHS]
        return found


@dataclass(frozen=True)
class Study:
    """The files of a study.

    Attributes:
        path: the directory.
    """

    path: Path

    @property
    def config(self) -> Path:
        """What is searched."""
        return self.path / "study.yaml"

    @property
    def results(self) -> Path:
        """A row for each finished trial and seed."""
        return self.path / "results.csv"

    @property
    def report(self) -> Path:
        """Our metrics and the published ones."""
        return self.path / "results.md"

    @property
    def best(self) -> Path:
        """The settings of the best trial; written last, so that it marks a study as finished."""
        return self.path / "best.yaml"

    @property
    def oracle(self) -> Path:
        """KerasTuner's state."""
        return self.path / "oracle.json"

    @property
    def seconds(self) -> Path:
        """The seconds that the commands on it have taken."""
        return self.path / "seconds.json"

    @property
    def trials(self) -> Path:
        """The run directories."""
        return self.path / "trials"

    @property
    def finished(self) -> bool:
        """Whether every trial has ended."""
        return self.best.is_file()

    def records(self) -> list[Path]:
        """Return the record of each trial and seed that was started; files being written begin with a dot."""
        return list(self.trials.glob("[0-9]*-seed*[0-9].json"))

    def trial(self, number: int, seed: int) -> Path:
        """Return the run directory of a trial with one of its seeds."""
        return self.trials / f"{number:02d}-seed{seed}"


def start_or_continue(config: StudyConfig, path: Path | None = None) -> Study:
    """Return the study of a command: an unfinished one of the same search, or a new one.

    Args:
        config: the search.
        path: its directory; None takes the newest unfinished one in runs/, and makes one if there is none.

    Raises:
        UserError: if `path` holds a study of another search, one that is finished, or other files.
    """
    if path is None:
        study = started_study(config) or Study(new_run(f"tune-{config.grid.name}").path)
    else:
        study = Study(path)
        path.mkdir(parents=True, exist_ok=True)
    if not study.config.is_file():
        # Names that begin with a dot are files that were being written.
        if any(not each.name.startswith(".") for each in study.path.iterdir()):
            raise UserError(f"{study.path}: expected a study, a new folder or an empty one; got other files")
    elif not _is_of(study, config):
        raise UserError(
            f"{study.path}: this study has another grid or other options, see its study.yaml; "
            "name another directory with --run"
        )
    if not _is_left(study, config):
        raise UserError(f"{study.path}: this study is finished; its table is {study.report}")
    write_yaml(study.config, {"format": FORMAT} | dataclasses.asdict(config))
    return study


def started_study(config: StudyConfig, path: Path | None = None) -> Study | None:
    """Return the unfinished study of this search at `path`, or the newest one in runs/, or None."""
    paths = [each.parent for each in RUNS.glob("*/study.yaml")] if path is None else [path]
    mine = []
    for study in map(Study, paths):
        with suppress(UserError):
            if _is_of(study, config) and _is_left(study, config):
                mine.append(study)
    return max(mine, key=lambda study: study.config.stat().st_mtime, default=None)


def _is_left(study: Study, config: StudyConfig) -> bool:
    """Return whether trials are left, those that failed included where they are tried again."""
    retrying = config.search in RETRYING and any(read_json(each)["error"] for each in study.records())
    return retrying or not study.finished


def _is_of(study: Study, config: StudyConfig) -> bool:
    """Return whether a study searches the same; what only the report shows may differ."""
    saved = read_settings(study.config, of_run=True)
    return _searched(saved) == _searched(dataclasses.asdict(config))


def _searched(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in dotted(config).items() if key not in REPORTED}
