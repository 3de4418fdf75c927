"""Classification at both levels of a hierarchy, with two softmax heads and novelty detection (system 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from kmlc.config import Config
from kmlc.data.data_report import TableReport
from kmlc.data.known_labels import KnownLabels
from kmlc.data.labels import Targets, readable
from kmlc.data.readers.table import Table
from kmlc.objectives.bootstrap import Resampled
from kmlc.sample.hierarchy import hierarchy_sample_folder
from kmlc.tasks.hierarchy import LEVELS
from kmlc.tasks.hierarchy.classes import Classes, Hierarchy
from kmlc.tasks.hierarchy.decoding import decode, level_probabilities
from kmlc.tasks.hierarchy.labels import read_known_labels, read_labels
from kmlc.tasks.hierarchy.loss import build_hierarchy_loss
from kmlc.tasks.hierarchy.metrics import (
    evaluate_classes,
    row_counts,
    superclass_confusion,
    weakest_subclasses,
)
from kmlc.tasks.hierarchy.novelty import fit_novelty_threshold, mark_novel, novelty_auroc, novelty_scores
from kmlc.tasks.hierarchy.resampled import ResampledHierarchy
from kmlc.tasks.hierarchy.vocabulary import HierarchyVocabulary
from kmlc.tasks.task import LabelPredictions, Metrics, Thresholds

_WEAKEST = 10
_SHOWN = 5


@dataclass(frozen=True)
class Hierarchical:
    """Classification at both levels of a hierarchy, the task of system 4.

    A row without a label at a level is novel there; the others are known. Metrics named `open_…` are of all
    rows, predicted with novelty, the novel class counting as one more class. The others are of the rows known
    at both levels, predicted without novelty (closed set).

    Attributes:
        config: the settings.
        vocabulary: the labels of both levels.
    """

    config: Config
    vocabulary: HierarchyVocabulary

    @staticmethod
    def sample_folder() -> Path:
        """Return the data folder of the built-in sample."""
        return hierarchy_sample_folder()

    @staticmethod
    def read_labels(
        config: Config, folder: Path, table: Table, rows: np.ndarray, report: TableReport
    ) -> Targets:
        """Read both label columns of rows of a training table, and hold out classes."""
        return read_labels(config, folder, table, rows, report)

    @staticmethod
    def load_vocabulary(saved: Mapping[str, Any]) -> HierarchyVocabulary:
        """Return the vocabulary that labels.json holds."""
        return HierarchyVocabulary.from_json(saved)

    @staticmethod
    def label_settings(config: Config) -> list[Any]:
        """Return the settings of the hierarchy, and the seed that draws the classes to hold out."""
        return [config.hierarchy, config.seed]

    def read_known_labels(self, config: Config, table: Table, rows: np.ndarray) -> KnownLabels | None:
        """Return the labels of the given rows of a table; None if they come from class folders."""
        return read_known_labels(config, self.vocabulary, table, rows)

    @property
    def hierarchy(self) -> Hierarchy:
        """The classes by name."""
        return self.vocabulary.hierarchy

    @property
    def heads(self) -> Mapping[str, int]:
        """A head for each level."""
        classes = (self.hierarchy.superclasses, self.hierarchy.subclasses)
        return {level: len(names) for level, names in zip(LEVELS, classes, strict=True)}

    @property
    def threshold_names(self) -> Sequence[str]:
        """The levels."""
        return LEVELS

    @property
    def objective(self) -> str:
        """The hierarchical F1 of the closed set."""
        return "hierarchical_f1"

    @property
    def curves(self) -> Sequence[str]:
        """Accuracy at both levels, and hierarchical F1 without and with novelty."""
        return ["superclass_accuracy", "subclass_accuracy", "hierarchical_f1", "open_hierarchical_f1"]

    def loss(self, labels: np.ndarray) -> keras.losses.Loss:
        """Return the sum of the softmax cross-entropies of both levels.

        Raises:
            UserError: if the settings name the loss of another task.
        """
        return build_hierarchy_loss(self.config.loss, labels, len(self.hierarchy.superclasses))

    def fit(self, labels: np.ndarray, logits: np.ndarray) -> Thresholds:
        """Return the novelty threshold of each level.

        With novel rows it is the threshold with the highest balanced accuracy; without, the lowest that the
        configured share of the rows passes.
        """
        settings = self.config.hierarchy
        shares = (settings.superclass_known_share, settings.subclass_known_share)
        return {
            level: fit_novelty_threshold(scores, novel, share)
            for level, scores, novel, share in zip(
                LEVELS, self.scores(logits), self.novel(labels), shares, strict=True
            )
        }

    def scores(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the novelty score of each row at each level, float64 of shape (rows,) each."""
        return novelty_scores(logits, self.hierarchy, self.config.hierarchy.novelty)

    def novel(self, labels: np.ndarray) -> list[np.ndarray]:
        """Return which rows are novel at each level, bool of shape (rows,) each."""
        return [np.logical_not(level.any(axis=1)) for level in self.hierarchy.levels(labels)]

    def predict_known(self, logits: np.ndarray) -> Classes:
        """Return the classes of each row, predicted without novelty."""
        return decode(logits, self.hierarchy, self.config.hierarchy.decoding)

    def predict(self, logits: np.ndarray, thresholds: Thresholds) -> Classes:
        """Return the classes of each row, predicted with novelty."""
        limits = (thresholds["superclass"], thresholds["subclass"])
        return mark_novel(self.predict_known(logits), self.scores(logits), limits, self.hierarchy)

    def metrics(self, labels: np.ndarray, logits: np.ndarray, thresholds: Thresholds) -> Metrics:
        """Return accuracies, hierarchical precision, recall and F1, consistency, and AUROC of novelty.

        A metric that is not defined is None: those of the closed set without a known row, an AUROC without
        both known and novel rows.
        """
        true, predicted = self.hierarchy.classes(labels), self.predict(logits, thresholds)
        with_novelty = evaluate_classes(true, predicted, self.hierarchy)
        known = ~self.vocabulary.validation_only(labels)
        metrics: Metrics = dict.fromkeys(with_novelty)
        if known.any():
            true = self.hierarchy.classes(labels[known])
            metrics |= evaluate_classes(true, self.predict_known(logits[known]), self.hierarchy)
        for level, scores, novel in zip(LEVELS, self.scores(logits), self.novel(labels), strict=True):
            metrics[f"{level}_auroc"] = novelty_auroc(scores, novel)
        return metrics | {f"open_{name}": value for name, value in with_novelty.items()}

    def resampled(self, labels: np.ndarray, logits: np.ndarray, thresholds: Thresholds) -> Resampled:
        """Return the function that computes `metrics` for resamples of the rows."""
        true = self.hierarchy.classes(labels)
        known = ~self.vocabulary.validation_only(labels)
        return ResampledHierarchy(
            row_counts(true, self.predict_known(logits), self.hierarchy) * known,
            row_counts(true, self.predict(logits, thresholds), self.hierarchy),
            known,
            self.novel(labels),
            self.scores(logits),
        )

    def label_predictions(
        self, labels: np.ndarray, logits: np.ndarray, thresholds: Thresholds
    ) -> LabelPredictions:
        """Return the labels of both levels, predicted with novelty; a novel row has none at the level."""
        predicted = self.hierarchy.one_hot(self.predict(logits, thresholds))
        scores = level_probabilities(logits, self.hierarchy)
        return LabelPredictions(labels.astype(bool), scores, predicted.astype(bool))

    def details(self, labels: np.ndarray, logits: np.ndarray, thresholds: Thresholds) -> dict[str, Any]:
        """Return more about a set of rows.

        `superclass_confusion`: counts by true and predicted class, predicted with novelty. `novel_rows`:
        their number at each level. `known_share`: the share of the rows known at both levels that passes each
        threshold. `known_subclass_accuracy`: accuracy on these rows, predicted without and with novelty.
        `weakest_subclasses`: those of the closed set.
        """
        true, predicted = self.hierarchy.classes(labels), self.predict(logits, thresholds)
        known = ~self.vocabulary.validation_only(labels)
        passing = {
            level: scores[known] <= thresholds[level]
            for level, scores in zip(LEVELS, self.scores(logits), strict=True)
        }
        return {
            "superclass_confusion": {
                "classes": [*self.hierarchy.superclasses, self.config.hierarchy.novel],
                "counts": superclass_confusion(true, predicted, self.hierarchy).tolist(),
            },
            "novel_rows": {
                level: int(novel.sum()) for level, novel in zip(LEVELS, self.novel(labels), strict=True)
            },
            "known_share": {
                level: float(each.mean()) if each.size else None for level, each in passing.items()
            },
            "known_subclass_accuracy": {
                name: float(np.mean(correct[known])) if known.any() else None
                for name, correct in (
                    ("without", self.predict_known(logits).subclasses == true.subclasses),
                    ("with", predicted.subclasses == true.subclasses),
                )
            },
            "weakest_subclasses": self.subclasses(labels, logits)[:_WEAKEST],
        }

    def subclasses(self, labels: np.ndarray, logits: np.ndarray) -> list[dict[str, str | int | float]]:
        """Return the metrics of each subclass on the closed set, lowest F1 first."""
        known = ~self.vocabulary.validation_only(labels)
        true, predicted = self.hierarchy.classes(labels[known]), self.predict_known(logits[known])
        return weakest_subclasses(true, predicted, self.hierarchy, len(self.hierarchy.subclasses))

    def advice(self, details: Mapping[str, Any]) -> list[str]:
        """Return how a final run on all classes can reuse the fitted thresholds, and what they cost."""
        flags = [
            f"--hierarchy.{level}_known_share {details['known_share'][level]:.4f}"
            for level in LEVELS
            if details["novel_rows"][level]
        ]
        if not flags:
            return []
        accuracy = details["known_subclass_accuracy"]
        return [
            "Novelty thresholds were fitted to novel rows. A run trained on all classes has none: give it "
            f"the share of known rows that pass here, {' '.join(flags)}",
            f"The cost, on known rows: subclass accuracy {accuracy['with']:.4f} with novelty, "
            f"{accuracy['without']:.4f} without; a higher share costs less and detects fewer novel rows",
        ]

    def submission(self, ids: Sequence[str], logits: np.ndarray, thresholds: Thresholds) -> pd.DataFrame:
        """Return system 4's columns: images, the label of the superclass, the label of the subclass."""
        table = self.config.table
        predicted = self.hierarchy.one_hot(self.predict(logits, thresholds))
        return pd.DataFrame({table.image_column: list(ids)} | self.vocabulary.columns(predicted, table))

    def probabilities(self, logits: np.ndarray) -> pd.DataFrame:
        """Return the probability of each class at its level; the columns are named `superclass LABEL`, …."""
        return pd.DataFrame(
            level_probabilities(logits, self.hierarchy).astype(float), columns=self.vocabulary.unique_labels()
        )

    def explain(self, logits: np.ndarray, thresholds: Thresholds) -> list[str]:
        """Return the most probable classes of one row at each level, its novelty, and the prediction."""
        lines, answers = [], []
        for level, classes, novel, (scores,), (novelty,), (index,) in zip(
            LEVELS,
            self.vocabulary.levels([*map(readable, self.vocabulary.labels, self.vocabulary.names)]),
            self.vocabulary.novel,
            self.hierarchy.levels(level_probabilities(logits, self.hierarchy)),
            self.scores(logits),
            self.predict(logits, thresholds),
            strict=True,
        ):
            best = np.argsort(-scores, kind="stable")[:_SHOWN]
            width = max(len(classes[place]) for place in best)
            lines += [level, *(f"  {classes[place]:<{width}}  {scores[place]:.3f}" for place in best)]
            lines.append(f"  novelty {novelty:.3f}, novel above {thresholds[level]:.3f}")
            answers.append(f"{level}: {(*classes, readable(novel, self.config.hierarchy.novel))[index]}")
        return lines + answers

    def label_panels(self, counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
        """Return the counts of each level by label, without the level before it."""
        return {
            level: {
                name.removeprefix(f"{level} "): count
                for name, count in counts.items()
                if name.startswith(f"{level} ")
            }
            for level in LEVELS
        }

    def report_sections(
        self,
        folder: Path,
        metrics: Mapping[str, Any],
        thresholds: Thresholds,
        labels: np.ndarray,
        logits: np.ndarray,
    ) -> list[str]:
        """Write subclasses.csv and the plots; return the sections on superclasses, subclasses and novelty."""
        from kmlc.tasks.hierarchy.report import sections

        return sections(self, folder, metrics, thresholds, labels, logits)
