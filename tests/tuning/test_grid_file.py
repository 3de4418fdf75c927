"""Grid files that are invalid, and what is said of them."""

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kmlc.errors import UserError
from kmlc.tuning.grid_file import read_grid


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def message(folder: Path, text: str) -> str:
    """Return the error of a file, without the file's name before it."""
    name = write(folder, text)
    with pytest.raises(UserError) as caught:
        read_grid(name)
    assert str(caught.value).startswith(f"{name}: ")
    return str(caught.value).removeprefix(f"{name}: ")


EXPECTED_RANGE = "expected min below max (and above 0 with log), and optionally log or whole; got "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "model: mlp\nvari: {}",
            "expected one of title, model, vary, settings, objective, metrics, published, source; "
            "got 'vari' (did you mean vary?)",
        ),
        ('model: mlp\n"1": {}', "expected one of title, "),
        ("vary: {seed: [1]}", "model: expected a string; got ''"),
        ("model: mpl\nvary: {seed: [1]}", "model: expected one of advanced_cnn, "),
        ("model: mlp", "vary: expected settings as `key: value`, such as `train.epochs: [1, 3]`; got {}"),
        ("model: mlp\nvary: [seed]", "vary: expected settings as `key: value`, such as "),
        (
            "model: mlp\nvary: {seed: [1]}\nsettings: 3",
            "settings: expected settings as `key: value`, such as ",
        ),
        ("model: mlp\nvary: {seed: [1]}\nmetrics: minutes", "metrics: expected a list; got 'minutes'"),
        (
            "model: mlp\nvary: {train.epoch: [1]}",
            "vary: expected a dotted key, such as train.epochs; got 'train.epoch' (did you mean train.ep",
        ),
        (
            "model: mlp\nvary: {seed: [1]}\nsettings: {train: {batchsize: 3}}",
            "settings: expected a dotted key, such as train.epochs; "
            "got 'train.batchsize' (did you mean train.batch_size?)",
        ),
        (
            "model: mlp\nvary: {train.batch_size: [30, -1]}",
            "train.batch_size: expected a whole number from 1 to 2147483647; got -1",
        ),
        (
            "model: mlp\nvary: {seed: [1]}\nsettings: {train.precision: half}",
            "train.precision: expected one of auto, float32, mixed_float16, mixed_bfloat16; got half",
        ),
        ("model: mlp\nvary: {seed: [1, 2, 1]}", "vary: seed: 1 and 1 are the same value"),
        (
            "model: mlp\nvary: {train.learning_rate: [2, 1, 1.0]}",
            "vary: train.learning_rate: 1 and 1.0 are the same value",
        ),
        ("model: mlp\nvary: {seed: []}", "vary: seed: expected a list of values, or min and max; got []"),
        ("model: mlp\nvary: {seed: 1}", "vary: seed: expected a list of values, or min and max; got 1"),
        ("model: mlp\nvary: {seed: {min: 3, max: 3}}", f"vary: seed: {EXPECTED_RANGE}{{'min': 3, 'max': 3}}"),
        ("model: mlp\nvary: {seed: {min: 3}}", f"vary: seed: {EXPECTED_RANGE}{{'min': 3}}"),
        ("model: mlp\nvary: {seed: {min: a, max: b}}", f"vary: seed: {EXPECTED_RANGE}{{'min': 'a', "),
        (
            "model: mlp\nvary: {train.weight_decay: {min: 0, max: 1, log: true}}",
            f"vary: train.weight_decay: {EXPECTED_RANGE}{{'min': 0, 'max': 1, 'log': True}}",
        ),
        (
            "model: mlp\nvary: {train.batch_size: {min: 8, max: 64}}",
            "train.batch_size: expected a whole number from 1 to 2147483647; got 25.8",
        ),
        (
            "model: mlp\nvary: {model: [mlp, hybird]}",
            "vary: model: expected one of advanced_cnn, ",
        ),
        (
            "model: mlp\nvary: {seed: [1]}\nmetrics: [macro_f1, minutes]",
            "objective: expected one of macro_f1, minutes; got 'micro_f1' (did you mean macro_f1?)",
        ),
        (
            "model: mlp\nvary: {seed: [1]}\nmetrics: [micro_f1]\npublished: [{seed: 1, f1: 0.5}]",
            "published: row 1: expected one of seed, micro_f1; got 'f1'",
        ),
        (
            "model: mlp\nvary: {seed: [1]}\nmetrics: [micro_f1]\npublished: [{micro_f1: 0.5}]",
            "published: row 1: seed is missing",
        ),
        (
            "model: mlp\nvary: {seed: [1]}\nmetrics: [micro_f1, minuets]",
            "metrics: expected columns of results.csv, such as minutes or micro_f1; "
            "got 'minuets' (did you mean minutes?)",
        ),
        ("model: mlp\nvary: {seed: [1]}\nmetrics: [[1]]", "metrics: expected columns of results.csv, "),
        *(
            (
                "model: mlp\nvary: {seed: [1]}\nmetrics: [micro_f1]\n"
                f"published: [{{seed: 1, micro_f1: {value}}}]",
                f"published: row 1: micro_f1: expected a number; got {said}",
            )
            for value, said in {"high": "'high'", "[0.5]": "[0.5]", "true": "True", ".nan": "nan"}.items()
        ),
        ("model: mlp\nvary: {seed: [1]}\npublished: [3]", "published: row 1: expected `key: value`; got 3"),
        (
            'model: mlp\nvary: {train.epochs: ["3", 1]}',
            "train.epochs: expected a number without quotes; got '3'",
        ),
        ('model: mlp\nvary: {train.epochs: ["10", "9"]}', "train.epochs: expected a number without quotes; "),
        (
            "model: mlp\nvary: {loss.name: [2020-01-01]}",
            "loss.name: expected one of focal, soft_margin, bce, ",
        ),
        (
            "model: mlp\nvary: {seed: [1]}\nsettings: {loss.name: 2020-01-01}",
            "loss.name: expected one of focal, soft_margin, bce, ",
        ),
        *(
            (
                f"model: mlp\nvary: {{{key}: {{min: 1, max: {most}, whole: {whole}}}}}",
                f"vary: {key}: {EXPECTED_RANGE}",
            )
            for key, most, whole in [
                ("train.learning_rate", "1" + "0" * 400, "false"),
                ("train.epochs", "1" + "0" * 400, "true"),
                ("train.epochs", "3.5", "true"),
                ("train.learning_rate", ".inf", "false"),
            ]
        ),
        (
            "model: mlp\nvary: {seed: [1]}\nsettings: {model: vgg16}",
            "settings: expected a dotted key, such as ",
        ),
        ("model: mlp\nvary: {seed: [1]}\nsettings: {run: x}", "settings: expected a dotted key, such as "),
        ("model: mlp\nvary: {run: [x, y]}", "vary: expected a dotted key, such as train.epochs; got 'run'"),
        (
            "model: mlp\nvary: {train: {epochs: [1, 3]}}",
            "vary: expected a dotted key, such as train.epochs; got 'train'",
        ),
        ("model: [", "not a YAML file of settings: "),
        ("- model", "expected settings as `key: value`; got list"),
    ],
)
def test_an_invalid_file_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    assert message(tmp_path, text).startswith(expected)


def test_the_suffix_of_a_file_may_be_in_capitals(tmp_path: Path) -> None:
    path = tmp_path / "mine.YAML"
    path.write_text("model: mlp\nvary: {seed: [1, 2]}")
    assert read_grid(str(path)).size == 2


def test_many_values_are_read_at_once(tmp_path: Path) -> None:
    """Each built all the settings: 400 values took half a minute."""
    start = time.process_time()
    seeds = ", ".join(map(str, range(400)))
    assert read_grid(write(tmp_path, f"model: mlp\nvary: {{seed: [{seeds}]}}")).size == 400
    assert time.process_time() - start < 5


def test_an_unknown_grid_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_grid("reprot2")
    assert str(caught.value).startswith("--grid: expected one of fusion, report1-captions, ")
    assert str(caught.value).endswith("or a YAML file; got 'reprot2' (did you mean report2?)")
    with pytest.raises(UserError, match=r"gone\.yaml: no such file; expected a YAML file of settings$"):
        read_grid(str(tmp_path / "gone.yaml"))


YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["min", "max", "log", "train.epochs", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=30)
@given(key=st.sampled_from(["title", "vary", "settings", "metrics", "published", "objective"]), value=YAML)
def test_any_content_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    content = {"model": "mlp", "vary": {"train.epochs": [1, 3]}, key: value}
    try:
        assert read_grid(write(tmp_path_factory.getbasetemp(), yaml.safe_dump(content))).name == "mine"
    except UserError as error:
        said = str(error)
    else:
        said = ""
    assert "\n" not in said
