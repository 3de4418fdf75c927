"""What a user sees of a study in progress: a line for each trial that ends."""

import math
import time

import pandas as pd

from kmlc.markdown import counted, metric_title
from kmlc.progress import duration
from kmlc.setting_values import format_values
from kmlc.tuning.records import ended_trials, ranking, write_results
from kmlc.tuning.study import Study, StudyConfig


class StudyProgress:
    """Keeps results.csv up to date, and prints how the trials ended and how long the rest will take.

    With `share` trials continue shorter ones, so that only their further epochs take time.
    """

    def __init__(self, study: Study, config: StudyConfig, share: bool) -> None:
        self.study, self.config = study, config
        self.left = config.epochs_to_train(share)
        write_results(study, config)
        self.known = {*ended_trials(study, config)}
        for number in self.known:
            self.left.pop(number, None)
        self.done, self.start = 0, time.monotonic()
        finished = f", {len(self.known)} of them finished" if self.known else ""
        count = config.trial_count
        trials = counted(count, "trial") if count else "trials as the search goes"
        print(f"{config.grid.title}: {trials}{finished}")
        print(f"Study: {study.path}", flush=True)

    def ended(self, number: int) -> None:
        """Write results.csv, and print the line of a trial that has ended, unless an earlier command did."""
        if number in self.known:
            return
        self.done += self.left.pop(number, 0)
        print(self._line(write_results(self.study, self.config), number), flush=True)

    def _line(self, table: pd.DataFrame, number: int) -> str:
        rows, grid = table[table["trial"] == number], self.config.grid
        count = self.config.trial_count
        values = format_values({key: rows[key].iloc[0] for key in grid.vary if key in rows})
        line = f"trial {number:>2}{f'/{count}' if count else ''}  {values}  "
        error = next(filter(None, rows["error"]), "")
        if error:
            return f"{line}failed: {error}"
        best = ranking(table, self.config)
        line += f"{metric_title(grid.objective)} {best[number]:.4f}"
        line += f"  {duration(60 * rows['minutes'].sum())}"
        if math.isnan(best.iloc[0]):
            return line
        best_line = f"best {best.iloc[0]:.4f} (trial {best.index[0]})"
        line += "  best so far" if best.index[0] == number else f"  {best_line}"
        seconds = (time.monotonic() - self.start) / self.done * sum(self.left.values()) if self.done else 0
        return line + (f"  {duration(seconds)} left" if seconds else "")
