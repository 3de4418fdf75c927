"""A study: one directory for a search over settings, with every trial that was trained for it."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kmlc.checksummed_json import read_checksummed, write_checksummed
from kmlc.config import Config, TrainConfig
from kmlc.errors import UserError
from kmlc.settings import read_settings
from kmlc.tuning.grid import EPOCHS, Grid, Values, shares

Search = Literal["grid", "random", "bayesian", "hyperband"]

RETRYING = ("grid", "random")
"""The searches whose failed trials the next command tries again."""

MOST_TRIALS = 10_000
"""Of a study; a grid can have more, of which `--trials` takes the first."""


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
        if (count := self.trial_count or 0) > MOST_TRIALS:
            raise UserError(f"--trials: expected at most {MOST_TRIALS:,} trials; got {count:,}")

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
        count = self.trial_count if self.search == "grid" else 0
        return [self.grid.trial(place) for place in range(count or 0)]

    @property
    def trial_count(self) -> int | None:
        """The number of trials, None where only the search knows it."""
        if self.search != "grid":
            return self.max_trials
        return self.grid.size if self.max_trials is None else min(self.grid.size, self.max_trials)

    def shares(self, shorter: Values, longer: Values) -> bool:
        """Return whether one trial is the first epochs of another: they differ in their epochs alone.

        With `train.schedule: cosine` it is not: the learning rates depend on the number of epochs.
        """
        fixed = self._training[longer.get("model", self.grid.model)].schedule
        return shares(shorter, longer) and longer.get("train.schedule", fixed) != "cosine"

    @functools.cached_property
    def _training(self) -> dict[str, TrainConfig]:
        """The settings of each model's training, for those that do not vary."""
        first, models = self.grid.first_values(), self.grid.vary.get("model")
        names = models if isinstance(models, list) else [self.grid.model]
        return {name: self.config({**first, "model": name}).train for name in names}

    def epochs_to_train(self, share: bool) -> dict[int, int]:
        """Return the maximum epochs of each trial, by its number; 1 in a search that draws its trials.

        With `share` a trial continues the one that differs from it in fewer epochs alone.
        """
        if self.search != "grid":
            return dict.fromkeys(range(1, (self.max_trials or 0) + 1), 1)
        trials, found = self.trials(), dict[int, int]()
        for number, values in enumerate(trials, start=1):
            found[number] = values.get(EPOCHS) or self._training[values.get("model", self.grid.model)].epochs
            # Trials that differ in their epochs alone are neighbours.
            if share and number > 1 and self.shares(shorter := trials[number - 2], values):
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
    def cache(self) -> Path:
        """Decoded pixels, for the trials that read the same images."""
        return self.path / "cache"

    @property
    def trials(self) -> Path:
        """The run directories."""
        return self.path / "trials"

    @functools.cached_property
    def identity(self) -> str:
        """The random id in study.yaml, by which files and workers know the study."""
        return str(read_settings(self.config, of_run=True).get("id"))

    def write(self, path: Path, value: Mapping[str, Any]) -> None:
        """Write a JSON file of this study, with a checksum."""
        write_checksummed(path, value, self.identity)

    def read(self, path: Path) -> dict[str, Any]:
        """Return what `write` wrote.

        Raises:
            UserError: if it is missing, damaged or another study's.
        """
        try:
            return read_checksummed(path, self.identity)
        except UserError as error:
            raise UserError(f"{error}; delete it: the same command makes it and no trial again") from None

    def remove_unfinished(self) -> None:
        """Remove the files that killed commands were writing; the caller holds the study's lock."""
        for path in list(self.path.rglob(".[0-9]*-*")):
            path.unlink(missing_ok=True)

    def records(self) -> list[Path]:
        """Return the record of each trial and seed that was started; files being written begin with a dot."""
        return list(self.trials.glob("[0-9]*-seed*[0-9].json"))

    def trial(self, number: int, seed: int) -> Path:
        """Return the run directory of a trial with one of its seeds."""
        return self.trials / f"{number:02d}-seed{seed}"
