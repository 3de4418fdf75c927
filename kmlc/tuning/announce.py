"""What a user sees of a study while it goes on: a line for each trial that ends."""

import math
import time

import pandas as pd

from kmlc.progress import duration
from kmlc.tuning.grid import shares
from kmlc.tuning.records import ranking, results, save_results, write_results
from kmlc.tuning.study import Study, StudyConfig

PAUSE = 2.0
"""Seconds between two looks at the trials of workers."""


class Announcer:
    """Says which trials have ended since it was last asked, how long the rest will take, and which is best.

    Args:
        study: where.
        config: what is searched.
        share: whether trials go on from others, so that only their further epochs take time.
    """

    def __init__(self, study: Study, config: StudyConfig, share: bool) -> None:
        self.study, self.config = study, config
        self.work = _epochs_to_train(config, share)
        self.table = write_results(study, config)
        self.known = set(self._ended(self.table))
        self.known_at_first = set(self.known)
        self.began = self.updated = time.monotonic()

    def begin(self) -> None:
        """Say what there is to do."""
        count = self.config.trial_count
        done = f", {len(self.known)} of them finished" if self.known else ""
        print(
            f"{self.config.grid.title}: {f'{count} trials' if count else 'trials as the search goes'}{done}"
        )
        print(f"Study: {self.study.path}", flush=True)

    def update(self) -> None:
        """Write results.csv if there is anything new, and print a line for each trial that has ended."""
        self.updated = time.monotonic()
        table = results(self.study, self.config)
        if table.equals(self.table):
            return
        self.table = table
        save_results(self.study, table)
        for number in self._ended(self.table):
            if number not in self.known:
                self.known.add(number)
                print(self._line(self.table, number), flush=True)

    def watch(self) -> None:
        """Update now and then, however often it is asked: every trial is read for it."""
        if time.monotonic() - self.updated >= PAUSE:
            self.update()

    def _ended(self, table: pd.DataFrame) -> list[int]:
        """Return the trials that are done with every seed, or that failed."""
        failed = set(table.loc[table["error"] != "", "trial"])
        seeds = table["trial"].value_counts(sort=False)
        return [
            int(number) for number in seeds.index if number in failed or seeds[number] == self.config.seeds
        ]

    def _line(self, table: pd.DataFrame, number: int) -> str:
        rows, grid = table[table["trial"] == number], self.config.grid
        count = self.config.trial_count
        values = "  ".join(
            f"{key.rpartition('.')[2]} {rows[key].iloc[0]}" for key in grid.vary if key in rows
        )
        line = f"trial {number:>2}{f'/{count}' if count else ''}  {values}  "
        error = next(filter(None, rows["error"]), "")
        if error:
            return f"{line}failed: {error}"
        best = ranking(table, self.config)
        line += f"{grid.objective.replace('_', ' ')} {best[number]:.4f}"
        minutes = rows["minutes"].sum(skipna=False)
        line += "" if math.isnan(minutes) else f"  {duration(60 * minutes)}"
        line += (
            "  best so far"
            if best.index[0] == number
            else f"  best {best.iloc[0]:.4f} (trial {best.index[0]})"
        )
        left = self._seconds_left()
        return line + (f"  {duration(left)} left" if left else "")

    def _seconds_left(self) -> float:
        """Return how long the trials that have not ended will take, at the pace of those that have."""
        done = sum(self.work.get(number, 0) for number in self.known - self.known_at_first)
        rest = sum(epochs for number, epochs in self.work.items() if number not in self.known)
        return (time.monotonic() - self.began) / done * rest if done else 0.0


def _epochs_to_train(config: StudyConfig, share: bool) -> dict[int, int]:
    """Return the epochs of each trial of a grid, less those that it shares; in another search, one."""
    if config.search != "grid":
        return dict.fromkeys(range(1, (config.max_trials or 0) + 1), 1)
    trials = config.trials()
    epochs = [config.config(values).train.epochs for values in trials]
    return {
        number: epochs[number - 1]
        - max(
            (epochs[place] for place, other in enumerate(trials) if share and shares(other, values)),
            default=0,
        )
        for number, values in enumerate(trials, start=1)
    }
