import numpy as np
import pytest
from hypothesis import given
from sklearn import metrics as reference

from kmlc.tasks.hierarchy.classes import Classes, Hierarchy
from kmlc.tasks.hierarchy.metrics import evaluate_classes, superclass_confusion, weakest_subclasses
from tests.tasks.hierarchy.hierarchies import (
    ANIMALS,
    BIRD,
    DOG,
    JAY,
    NO_ANIMAL,
    NO_KIND,
    OWL,
    PUG,
    classes,
    predictions,
)


def test_metrics_by_hand() -> None:
    """Sets of the predicted: {bird, owl}, {dog, owl, bird}, {dog, no kind}, {no animal, no kind}.

    Truth: {bird, owl}, {bird, jay}, {dog, pug}, {no animal, no kind}. True positives: 2, 1, 1, 2
    of 9 and of 8.
    """
    true = classes((BIRD, OWL), (BIRD, JAY), (DOG, PUG), (NO_ANIMAL, NO_KIND))
    predicted = classes((BIRD, OWL), (DOG, OWL), (DOG, NO_KIND), (NO_ANIMAL, NO_KIND))
    assert evaluate_classes(true, predicted, ANIMALS) == pytest.approx(
        {
            "superclass_accuracy": 3 / 4,
            "subclass_accuracy": 2 / 4,
            "hierarchical_precision": 6 / 9,
            "hierarchical_recall": 6 / 8,
            "hierarchical_f1": 12 / 17,
            "consistency": 3 / 4,
        }
    )


@given(predictions())
def test_metrics_agree_with_scikit_learn(problem: tuple[Hierarchy, Classes, Classes]) -> None:
    hierarchy, true, predicted = problem

    def sets(classes: Classes) -> np.ndarray:
        """Multi-hot sets, with ancestors, from Python's own sets."""
        width = len(hierarchy.superclasses) + 1
        found = np.zeros((len(classes.subclasses), width + len(hierarchy.subclasses) + 1), int)
        for row, (superclass, subclass) in enumerate(zip(*classes, strict=True)):
            found[row, [superclass, width + subclass]] = 1
            if subclass < len(hierarchy.parents):
                found[row, hierarchy.parents[subclass]] = 1
        return found

    metrics = evaluate_classes(true, predicted, hierarchy)
    for name, function in [
        ("hierarchical_precision", reference.precision_score),
        ("hierarchical_recall", reference.recall_score),
        ("hierarchical_f1", reference.f1_score),
    ]:
        assert metrics[name] == pytest.approx(function(sets(true), sets(predicted), average="micro"))
    for level in ("superclass", "subclass"):
        pair = (getattr(classes, f"{level}es") for classes in (true, predicted))
        assert metrics[f"{level}_accuracy"] == pytest.approx(reference.accuracy_score(*pair))
    if metrics["consistency"] == 1:
        assert metrics["hierarchical_precision"] == metrics["hierarchical_recall"]


def test_confusion_by_hand() -> None:
    true = classes((BIRD, OWL), (BIRD, JAY), (DOG, PUG), (NO_ANIMAL, NO_KIND))
    predicted = classes((BIRD, OWL), (NO_ANIMAL, NO_KIND), (BIRD, OWL), (NO_ANIMAL, NO_KIND))
    np.testing.assert_array_equal(
        superclass_confusion(true, predicted, ANIMALS), [[1, 0, 1], [1, 0, 0], [0, 0, 1]]
    )


def test_weakest_subclasses_by_hand() -> None:
    """Owl: 1 of 2 found, 1 of 2 right. Jay: never found. Pug: always. Novel is no subclass."""
    true = classes((BIRD, OWL), (BIRD, OWL), (BIRD, JAY), (DOG, PUG), (DOG, NO_KIND))
    predicted = classes((BIRD, OWL), (DOG, NO_KIND), (BIRD, OWL), (DOG, PUG), (DOG, NO_KIND))
    jay, owl = weakest_subclasses(true, predicted, ANIMALS, 2)
    assert jay == {
        "subclass": "jay",
        "superclass": "bird",
        "support": 1,
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
    }
    assert (owl["subclass"], owl["support"]) == ("owl", 2)
    assert (owl["precision"], owl["recall"], owl["f1"]) == (0.5, 0.5, 0.5)
    assert [found["subclass"] for found in weakest_subclasses(true, predicted, ANIMALS, 9)] == [
        "jay",
        "owl",
        "pug",
    ]


@given(predictions())
def test_weakest_subclasses_agree_with_scikit_learn(problem: tuple[Hierarchy, Classes, Classes]) -> None:
    hierarchy, true, predicted = problem
    every = range(len(hierarchy.subclasses))
    columns = reference.precision_recall_fscore_support(
        true.subclasses, predicted.subclasses, labels=[*every], zero_division=0
    )
    expected = dict(zip(hierarchy.subclasses, zip(*columns, strict=True), strict=True))
    found = weakest_subclasses(true, predicted, hierarchy, len(every))
    assert {row["subclass"] for row in found} == {name for name, metrics in expected.items() if metrics[3]}
    for row in found:
        ours = [row[name] for name in ("precision", "recall", "f1", "support")]
        assert ours == pytest.approx(expected[str(row["subclass"])])
    assert [row["f1"] for row in found] == sorted(row["f1"] for row in found)
