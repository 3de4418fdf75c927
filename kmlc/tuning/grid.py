"""A grid: the model it starts from, the settings that vary, and the published table to compare with."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.settings import CONFIGS, layered
from kmlc.tasks.registry import DIRECTIONS
from kmlc.tasks.task import Direction

Values = Mapping[str, Any]
"""The values of a trial by the dotted keys of the settings that vary, such as {"train.epochs": 3}."""

EPOCHS = "train.epochs"

OBJECTIVES: dict[str, Direction] = {**DIRECTIONS, "val_loss": "min"}
"""The metrics that can choose the best trial, and whether lower or higher is better."""

METRICS = frozenset({"minutes", "train_loss", *OBJECTIVES, *(f"test_{name}" for name in DIRECTIONS)})
"""The metrics that a table can show of a trial: columns of results.csv."""


LARGEST = 2**53
"""Bounds lie below it: whole numbers up to it are exact as floats."""


def shares(shorter: Values, longer: Values) -> bool:
    """Return whether one trial is the first epochs of another: they differ in their epochs alone."""
    if EPOCHS not in longer:
        return False
    same = {**shorter, EPOCHS: 0} == {**longer, EPOCHS: 0}
    return bool(same and shorter[EPOCHS] < longer[EPOCHS])


@dataclass(frozen=True)
class Range:
    """Numbers between two bounds, for a search that draws them.

    Attributes:
        min: the smallest.
        max: the largest.
        log: draw uniformly on a logarithmic scale, as for a learning rate.
        whole: whole numbers only.
    """

    min: float
    max: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        kinds = (int,) if self.whole is True else (int, float)
        numbers = all(type(bound) in kinds and abs(bound) < LARGEST for bound in (self.min, self.max))
        switches = all(isinstance(switch, bool) for switch in (self.log, self.whole))
        if not (numbers and switches and self.min < self.max and (self.min > 0 or not self.log)):
            raise ValueError(f"not a range: {self}")


@dataclass(frozen=True)
class Grid:
    """The content of a file in configs/grids, or of one's own; `kmlc.tuning.grid_file` reads them.

    Attributes:
        name: the file's name without its suffix.
        title: one human-readable line.
        model: the model that every trial starts from, unless `model` itself varies.
        vary: the values, or the range, of each setting that varies, by dotted key.
        settings: settings of every trial, over those of the model, by dotted key.
        objective: the validation metric that chooses the best trial, or val_loss.
        metrics: the columns of the published table and of ours, named as in results.csv.
        published: its rows: the settings that vary by dotted key, and the metrics.
        source: where the table was published.
    """

    name: str
    title: str
    model: str
    vary: dict[str, list[Any] | Range]
    settings: dict[str, Any] = field(default_factory=dict)
    objective: str = "micro_f1"
    metrics: list[str] = field(default_factory=list)
    published: list[dict[str, Any]] = field(default_factory=list)
    source: str = ""

    @property
    def direction(self) -> Direction:
        """Whether a lower or a higher objective is better."""
        return OBJECTIVES[self.objective]

    def config(self, values: Values, settings: Values = MappingProxyType({})) -> Config:
        """Return the settings of a trial: those of the grid, under `settings`, under `values`.

        Raises:
            UserError: for a value out of its range.
        """
        model = values.get("model", self.model)
        return layered([CONFIGS / f"{model}.yaml"], {**self.settings, **settings, **values})

    def trials(self) -> Iterator[dict[str, Any]]:
        """Yield every combination of the values; the last setting varies fastest, epochs fastest of all.

        Trials that differ in their epochs alone are neighbours, shortest first: each continues the one before
        it.
        """
        return map(self.trial, range(self.size))

    def trial(self, place: int) -> dict[str, Any]:
        """Return one of the combinations by its place in `trials`, from 0, without making those before it."""
        values = {}
        for key, choices in reversed(self._lists().items()):
            place, digit = divmod(place, len(choices))
            values[key] = choices[digit]
        return dict(reversed(values.items()))

    @property
    def size(self) -> int:
        """The number of combinations."""
        return math.prod(map(len, self._lists().values()))

    def first_values(self) -> dict[str, Any]:
        """Return the first value of each list and the smallest of each range."""
        return {key: axis.min if isinstance(axis, Range) else axis[0] for key, axis in self.axes().items()}

    def axes(self) -> dict[str, list[Any] | Range]:
        """Return the settings that vary, the epochs last and in ascending order."""
        axes = {key: values for key, values in self.vary.items() if key != EPOCHS}
        epochs = self.vary.get(EPOCHS)
        if epochs is not None:
            axes[EPOCHS] = epochs if isinstance(epochs, Range) else sorted(epochs)
        return axes

    def _lists(self) -> dict[str, list[Any]]:
        lists = {}
        for key, axis in self.axes().items():
            if isinstance(axis, Range):
                raise UserError(
                    f"{self.name}: vary: {key}: expected a list of values for a grid search; got a range"
                )
            lists[key] = axis
        return lists
