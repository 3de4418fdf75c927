"""A study: one directory for a search over settings, with every trial that was trained for it."""

import dataclasses
import itertools
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.files import read_yaml, write_yaml
from kmlc.training.run_directory import RUNS, new_run
from kmlc.tuning.grid import EPOCHS, Grid, Range, Values, shares

Search = Literal["grid", "random", "bayesian", "hyperband"]

FORMAT = 1
"""The format of a study's files; kmlc reads no other."""


@dataclass(frozen=True)
class StudyConfig:
    """What is searched: all that the metrics of a study depend on.

    Attributes:
        grid: the settings that vary, and those that do not.
        search: how trials are chosen: all of a grid, or by one of KerasTuner's searches.
        flags: settings of every trial, over those of the grid, as arguments such as "--images.size=48".
        max_trials: the most trials; None is all of a grid.
        fraction: the fraction of the labelled rows that is used.
        seeds: the number of seeds that each trial is trained with: the settings' seed and those after it.
    """

    grid: Grid
    search: Search = "grid"
    flags: list[str] = field(default_factory=list)
    max_trials: int | None = None
    fraction: float = 1.0
    seeds: int = 1

    def config(self, values: Values, seed: int | None = None) -> Config:
        """Return the settings of a trial, with one of its seeds or the first of them."""
        config = self.grid.config(values, self.flags)
        return config if seed is None else dataclasses.replace(config, seed=seed)

    def first_config(self) -> Config:
        """Return the settings with the first value of each that varies, for what no trial changes."""
        return self.config(self.grid.first_values())

    def seeds_of(self, values: Values) -> list[int]:
        """Return the seeds that a trial is trained with."""
        first = self.config(values).seed
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
        """Return the most epochs that each trial trains, by its number; 1 in a search that draws its trials.

        Args:
            share: whether a trial continues the one that differs from it in fewer epochs alone.
        """
        if self.search != "grid":
            return dict.fromkeys(range(1, (self.max_trials or 0) + 1), 1)
        fixed = {model: self._epochs(model) for model in self._models()}
        trials, found = self.trials(), dict[int, int]()
        for number, values in enumerate(trials, start=1):
            found[number] = values.get(EPOCHS, fixed[values.get("model", self.grid.model)])
            # Trials that differ in their epochs alone are neighbours.
            if share and number > 1 and shares(shorter := trials[number - 2], values):
                found[number] -= shorter[EPOCHS]
        return found

    def _models(self) -> list[Any]:
        models = self.grid.vary.get("model")
        return models if isinstance(models, list) else [self.grid.model]

    def _epochs(self, model: str) -> int:
        return self.config({**self.grid.first_values(), "model": model}).train.epochs


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
        """Our metrics beside the published ones."""
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
    def cache(self) -> Path:
        """Decoded pixels, while the study goes on."""
        return self.path / "cache"

    @property
    def trials(self) -> Path:
        """The run directories."""
        return self.path / "trials"

    @property
    def finished(self) -> bool:
        """Whether every trial has ended."""
        return self.best.is_file()

    def trial(self, number: int, seed: int) -> Path:
        """Return the run directory of a trial with one of its seeds."""
        return self.trials / f"{number:02d}-seed{seed}"


def save_study(study: Study, config: StudyConfig) -> None:
    """Write what is searched, for `load_study`."""
    write_yaml(study.config, {"format": FORMAT} | dataclasses.asdict(config))


def load_study(study: Study) -> StudyConfig:
    """Read what is searched.

    Raises:
        UserError: if there is no study, or its file is broken.
    """
    if not study.config.is_file():
        raise UserError(f"{study.path}: not a study; expected a folder with a study.yaml, as tuning writes")
    try:
        saved = read_yaml(study.config)
        if saved.pop("format", None) != FORMAT:
            raise UserError(
                f"{study.config}: expected format {FORMAT}; this study is of another version of kmlc, "
                "start another one with --run"
            )
        axes = saved["grid"]["vary"]
        saved["grid"]["vary"] = {
            key: Range(**axis) if isinstance(axis, dict) else axis for key, axis in axes.items()
        }
        return StudyConfig(**saved | {"grid": Grid(**saved["grid"])})
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError):
        raise UserError(
            f"{study.config}: not the settings of a study; start another study with --run"
        ) from None


def begin_or_continue(config: StudyConfig, path: Path | None = None) -> Study:
    """Return the study of a command: an unfinished one of the same search, or a new one.

    Args:
        config: what is searched.
        path: its directory; None takes the newest unfinished one in runs/, and makes one if there is none.

    Raises:
        UserError: if `path` holds a study of another search, one that is finished, or other files.
    """
    if path is None:
        study = _unfinished(config) or Study(new_run(f"tune-{config.grid.name}").path)
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
    if study.finished:
        raise UserError(f"{study.path}: this study is finished; its table is {study.report}")
    save_study(study, config)
    return study


def _unfinished(config: StudyConfig) -> Study | None:
    found = [Study(path.parent) for path in RUNS.glob("*/study.yaml")]
    mine = []
    for study in found:
        with suppress(UserError):
            if not study.finished and _is_of(study, config):
                mine.append(study)
    return max(mine, key=lambda study: study.config.stat().st_mtime, default=None)


def _is_of(study: Study, config: StudyConfig) -> bool:
    return _searched(load_study(study)) == _searched(config)


def _searched(config: StudyConfig) -> StudyConfig:
    """Return the search without what only the report shows."""
    grid = dataclasses.replace(config.grid, title="", metrics=[], published=[], source="")
    return dataclasses.replace(config, grid=grid)
