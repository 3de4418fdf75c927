import warnings
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as reference

from kmlc.errors import UserError
from kmlc.objectives.hierarchy import (
    DECODINGS,
    Classes,
    Hierarchy,
    decode,
    evaluate_classes,
    level_probabilities,
    superclass_confusion,
    weakest_subclasses,
)

BIRD, DOG, NO_ANIMAL = 0, 1, 2
JAY, PUG, OWL, NO_KIND = 0, 1, 2, 3
ANIMALS = Hierarchy(("bird", "dog"), ("jay", "pug", "owl"), (BIRD, DOG, BIRD))


def classes(*pairs: tuple[int, int]) -> Classes:
    superclasses, subclasses = np.array(pairs).T
    return Classes(superclasses, subclasses)


@st.composite
def hierarchies(draw: st.DrawFn) -> Hierarchy:
    """Some superclasses with at least one subclass each."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    parents = draw(st.permutations([parent for parent, size in enumerate(sizes) for _ in range(size)]))
    return Hierarchy(
        tuple(f"s{index}" for index in range(len(sizes))),
        tuple(f"k{index}" for index in range(len(parents))),
        tuple(parents),
    )


@st.composite
def problems(draw: st.DrawFn) -> tuple[Hierarchy, np.ndarray]:
    hierarchy = draw(hierarchies())
    shape = (draw(st.integers(1, 9)), len(hierarchy.superclasses) + len(hierarchy.subclasses))
    return hierarchy, draw(hnp.arrays(np.float32, shape, elements=st.floats(-1000, 1000, width=32)))


@st.composite
def decisions(draw: st.DrawFn) -> tuple[Hierarchy, Classes, Classes]:
    """Truth that respects the hierarchy and any decisions, either with novel classes."""
    hierarchy = draw(hierarchies())
    novel = Classes(np.array(len(hierarchy.superclasses)), np.array(len(hierarchy.subclasses)))
    rows = draw(st.integers(1, 15))
    pairs = st.sampled_from(
        [*zip(hierarchy.parents, range(novel.subclasses), strict=True)]
        + [(parent, int(novel.subclasses)) for parent in range(novel.superclasses + 1)]
    )
    any_pair = st.tuples(st.integers(0, int(novel.superclasses)), st.integers(0, int(novel.subclasses)))
    truth = draw(st.lists(pairs, min_size=rows, max_size=rows))
    return hierarchy, classes(*truth), classes(*draw(st.lists(any_pair, min_size=rows, max_size=rows)))


def test_parents_are_learnt_from_rows() -> None:
    rows = np.array([[DOG, PUG], [BIRD, OWL], [BIRD, JAY], [DOG, PUG]])
    assert Hierarchy.from_rows(ANIMALS.superclasses, ANIMALS.subclasses, rows) == ANIMALS


@given(hierarchies(), st.randoms())
def test_learning_gives_back_any_hierarchy(hierarchy: Hierarchy, random: Random) -> None:
    rows = [(parent, child) for child, parent in enumerate(hierarchy.parents)] * 2
    random.shuffle(rows)
    assert Hierarchy.from_rows(hierarchy.superclasses, hierarchy.subclasses, np.array(rows)) == hierarchy


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0, 0], [1, 1], [0, 2], [1, 0]], "one superclass for subclass 'jay'; got 'bird' and 'dog'"),
        ([[0, 0], [1, 1]], "rows of subclass 'owl'.* got none"),
        ([[0, 0], [0, 1], [0, 2]], "rows of superclass 'dog'.* got none"),
        ([], "rows of superclass 'bird'.* got none"),
    ],
)
def test_rows_that_make_no_hierarchy(rows: list[list[int]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Hierarchy.from_rows(ANIMALS.superclasses, ANIMALS.subclasses, np.array(rows))


def test_classes_of_labels() -> None:
    labels = np.array([[0, 1, 0, 1, 0], [1, 0, 0, 0, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]], np.uint8)
    ours = ANIMALS.classes(labels)
    np.testing.assert_array_equal(ours.superclasses, [DOG, BIRD, BIRD, NO_ANIMAL])
    np.testing.assert_array_equal(ours.subclasses, [PUG, OWL, NO_KIND, NO_KIND])


def test_consistency_by_hand() -> None:
    """A novel subclass fits every superclass, a novel superclass only a novel subclass."""
    pairs = [(BIRD, OWL), (DOG, OWL), (DOG, NO_KIND), (NO_ANIMAL, NO_KIND), (NO_ANIMAL, PUG)]
    assert ANIMALS.consistent(classes(*pairs)).tolist() == [True, False, True, True, False]


def test_probabilities_by_hand() -> None:
    logits = np.array([[0.0, 0.0, 0.0, np.log(2), 0.0], [1e4, -1e4, -1e4, 1e4, 1e4]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = level_probabilities(logits, ANIMALS)
    np.testing.assert_allclose(
        ours, [[0.5, 0.5, 0.25, 0.5, 0.25], [1, 0, 0, 0.5, 0.5]], rtol=1e-6, atol=1e-12
    )
    assert ours.dtype == np.float32


def test_decoding_by_hand() -> None:
    """First row: 0.6 bird but 0.9 pug; joint takes pug, 0.4 · 0.9 against 0.6 · 0.06."""
    scores = np.array([[0.6, 0.4, 0.06, 0.9, 0.04], [0.9, 0.1, 0.3, 0.4, 0.3], [0.1, 0.9, 0.1, 0.7, 0.2]])
    expected = {
        "independent": [(BIRD, PUG), (BIRD, PUG), (DOG, PUG)],
        "masked": [(BIRD, JAY), (BIRD, JAY), (DOG, PUG)],
        "joint": [(DOG, PUG), (BIRD, JAY), (DOG, PUG)],
    }
    assert set(expected) == set(DECODINGS)
    for method, pairs in expected.items():
        np.testing.assert_array_equal(decode(np.log(scores), ANIMALS, method), classes(*pairs))


@given(problems())
def test_decoding_is_what_a_loop_over_the_classes_finds(problem: tuple[Hierarchy, np.ndarray]) -> None:
    hierarchy, logits = problem
    superclasses = len(hierarchy.superclasses)
    masked, joint = (decode(logits, hierarchy, method) for method in ("masked", "joint"))
    for predicted in (masked, joint):
        assert hierarchy.consistent(predicted).all()
    for row, scores in enumerate(logits.astype(np.float64)):
        ours, theirs = scores[:superclasses], scores[superclasses:]
        assert masked.superclasses[row] == max(range(superclasses), key=lambda index: ours[index])
        children = [k for k, parent in enumerate(hierarchy.parents) if parent == masked.superclasses[row]]
        assert masked.subclasses[row] == max(children, key=lambda index: theirs[index])
        # Both log-softmaxes shift all sums alike.
        sums = ours[list(hierarchy.parents)] + theirs
        assert sums[joint.subclasses[row]] == pytest.approx(sums.max(), abs=1e-9)


@given(problems())
def test_log_probabilities_serve_as_logits(problem: tuple[Hierarchy, np.ndarray]) -> None:
    hierarchy, logits = problem
    once = level_probabilities(logits, hierarchy)
    with np.errstate(divide="ignore"):
        again = level_probabilities(np.log(once), hierarchy)
    np.testing.assert_allclose(again, once, atol=1e-6)


def test_metrics_by_hand() -> None:
    """Sets of the predicted: {bird, owl}, {dog, owl, bird}, {dog, no kind}, {no animal, no kind}.

    Truth: {bird, owl}, {bird, jay}, {dog, pug}, {no animal, no kind}. Hits 2, 1, 1, 2 of 9 and of 8.
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


@given(decisions())
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
    """Owl: 1 of 2 found, 1 of 2 right. Jay: never found. Pug: always. What is novel is no subclass."""
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


@given(decisions())
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


def test_classes_as_one_hot_labels() -> None:
    one_hot = ANIMALS.one_hot(classes((BIRD, OWL), (DOG, NO_KIND), (NO_ANIMAL, NO_KIND)))
    assert one_hot.tolist() == [[1, 0, 0, 0, 1], [0, 1, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert one_hot.dtype == np.uint8


@given(hierarchies(), st.data())
def test_one_hot_labels_come_back_as_classes(hierarchy: Hierarchy, data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 5))
    drawn = Classes(
        *(
            data.draw(hnp.arrays(int, rows, elements=st.integers(0, len(names))))
            for names in (hierarchy.superclasses, hierarchy.subclasses)
        )
    )
    for level, again in zip(drawn, hierarchy.classes(hierarchy.one_hot(drawn)), strict=True):
        np.testing.assert_array_equal(level, again)
