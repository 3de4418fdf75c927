import numpy as np
import pytest

from kmlc.setting_values import canonical, format_value, format_values, normalise, short_names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (30.0, 30),
        ("30", 30),
        (np.float64(0.001), "1e-3"),
        (0.1 + 0.2, 0.3),
        (np.int64(3), 3),
        ("True", True),
        ("[64, 32.0]", [64, 32]),
        (float("nan"), None),
        ("null", None),
        ("none", "none"),
    ],
)
def test_equal_values_have_one_canonical_form(one: object, other: object) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(("one", "other"), [(True, 1), (0.5, 0.50001), ("none", None), ("a", "b"), ([1], 1)])
def test_different_values_have_different_canonical_forms(one: object, other: object) -> None:
    assert canonical(one) != canonical(other)


def test_settings_are_displayed_with_short_unambiguous_names() -> None:
    assert short_names(["loss.name", "fusion.name", "train.epochs", "model"]) == {
        "loss.name": "loss",
        "fusion.name": "fusion",
        "train.epochs": "epochs",
        "model": "model",
    }
    assert short_names(["fusion.dropout", "tower.dropout", "seed"]) == {
        "fusion.dropout": "fusion.dropout",
        "tower.dropout": "tower.dropout",
        "seed": "seed",
    }
    assert [format_value(value) for value in (0.0012345678, "none", None, [1, 2], True, 50.0)] == [
        "0.001235",
        "none",
        "null",
        "[1, 2]",
        "true",
        "50",
    ]
    assert format_values({"train.epochs": 3, "loss.name": "bce"}) == "epochs 3, loss bce"
    assert normalise(np.array([1.0, 2.5]).tolist()) == [1, 2.5]
