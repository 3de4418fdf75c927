import itertools
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kmlc.errors import UserError
from kmlc.settings import setting
from kmlc.tuning.grid import GRIDS, Grid, Range, grid_names, read_grid

PUBLISHED = Path(__file__).parent.parent.parent.parent / "shared" / "published"


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def message(folder: Path, text: str) -> str:
    """Return what is said of a file, less the file's name before it."""
    name = write(folder, text)
    with pytest.raises(UserError) as caught:
        read_grid(name)
    assert str(caught.value).startswith(f"{name}: ")
    return str(caught.value).removeprefix(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "trials"),
    {
        "fusion": 3,
        "report1-captions": 2,
        "report1-loss": 2,
        "report1-lr": 4,
        "report1-models": 15,
        "report2": 16,
        "report2-step1": 1,
        "thresholds": 4,
    }.items(),
)
def test_every_grid_reads(name: str, trials: int) -> None:
    grid = read_grid(name)
    assert len(grid.trials()) == trials
    assert grid.objective in grid.metrics
    # Each published row is one of the trials, and each trial was published if any was.
    published = [{key: row[key] for key in grid.axes()} for row in grid.published]
    assert all(trial in grid.trials() for trial in published)
    assert len(published) in (0, trials)


def test_no_grid_is_left_out_above() -> None:
    assert len(grid_names()) == 8


def test_sixteen_trials_of_system_2_epochs_fastest() -> None:
    values = itertools.product([0.5, 0.7], [30, 50], [0.01, 0.001], [1, 3])
    keys = ["fusion.dropout", "train.batch_size", "train.learning_rate", "train.epochs"]
    assert [list(trial.items()) for trial in read_grid("report2").trials()] == [
        list(zip(keys, each, strict=True)) for each in values
    ]


def test_epochs_stand_last_and_ascend_wherever_the_file_has_them(tmp_path: Path) -> None:
    grid = read_grid(write(tmp_path, "model: mlp\nvary: {train.epochs: [3, 1], seed: [5, 4]}\n"))
    assert grid.trials() == [
        {"seed": 5, "train.epochs": 1},
        {"seed": 5, "train.epochs": 3},
        {"seed": 4, "train.epochs": 1},
        {"seed": 4, "train.epochs": 3},
    ]


def test_settings_of_a_trial_lie_over_flags_and_those_over_the_grid(tmp_path: Path) -> None:
    text = "model: mlp\nsettings: {train: {epochs: 7, batch_size: 9}, seed: 1}\nvary: {seed: [2]}\n"
    config = read_grid(write(tmp_path, text)).config({"seed": 3}, ["--train.epochs=8", "--seed=4"])
    assert (config.model, config.train.epochs, config.train.batch_size, config.seed) == ("mlp", 8, 9, 3)


def test_models_of_system_1() -> None:
    grid = read_grid("report1-models")
    for model in ("simple_cnn", "cnn2", "resnet18", "vgg16", "efficientnetb4"):
        config = grid.config({"model": model, "train.epochs": 2})
        assert (config.model, config.tower.name, config.train.epochs) == (model, model, 2)
        assert config.train.monitor == "nothing"
        assert (config.thresholds.method, config.thresholds.value) == ("fixed", 0.5)


def test_ablations_of_system_1_differ_in_one_setting() -> None:
    for name in ("captions", "loss", "lr"):
        grid = read_grid(f"report1-{name}")
        ((key, values),) = grid.vary.items()
        base = grid.config({})
        assert (base.tower.name, base.train.epochs) == ("efficientnetb4", 3)
        assert isinstance(values, list)
        for value in values:
            config = grid.config({key: value})
            assert setting(config, key) == value
            assert (config == base) == (setting(base, key) == value)


def test_first_step_of_system_2_is_its_settings_on_a_plain_network() -> None:
    grid = read_grid("report2-step1")
    step1, hybrid = grid.config(grid.trials()[0]), read_grid("report2").config({})
    assert (step1.tower.name, step1.captions.encoder, step1.train.batch_size) == ("simple_cnn", "none", 100)
    assert (step1.fusion, step1.loss, step1.images, step1.split) == (
        hybrid.fusion,
        hybrid.loss,
        hybrid.images,
        hybrid.split,
    )


def test_direction() -> None:
    assert Grid("g", "", "mlp", {}, objective="val_loss").direction == "min"
    assert Grid("g", "", "mlp", {}, objective="hamming_loss").direction == "min"
    assert Grid("g", "", "mlp", {}).direction == "max"


def test_range(tmp_path: Path) -> None:
    text = (
        "model: mlp\nvary:\n"
        "  train.learning_rate: {min: 1e-5, max: 0.01, log: true}\n"
        "  train.batch_size: {min: 8, max: 64, whole: true}\n"
        "  loss.gamma: [1e-1, 2]\n"
    )
    grid = read_grid(write(tmp_path, text))
    # YAML 1.1 takes 1e-5 for a text.
    assert grid.vary == {
        "train.learning_rate": Range(1e-5, 0.01, log=True),
        "train.batch_size": Range(8, 64, whole=True),
        "loss.gamma": [0.1, 2],
    }
    with pytest.raises(UserError, match=r"^mine: vary: train\.learning_rate: a range cannot be gone through"):
        grid.trials()


EXPECTED_RANGE = "expected min below max (and above 0 with log), and log or whole if wanted; got "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: mlp\nvari: {}", "vari: no such key (did you mean vary?); expected title, model, vary, "),
        ("model: mlp\n1: {}", "1: no such key; expected title, "),
        ("vary: {seed: [1]}", "model: expected a text; got ''"),
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
            "vary: train.epoch: no such setting (did you mean train.epochs?)",
        ),
        (
            "model: mlp\nvary: {seed: [1]}\nsettings: {train: {batchsize: 3}}",
            "settings: train.batchsize: no such setting (did you mean train.batch_size?)",
        ),
        (
            "model: mlp\nvary: {train.batch_size: [30, -1]}",
            "--train.batch_size: expected a whole number above 0; got -1",
        ),
        (
            "model: mlp\nvary: {seed: [1]}\nsettings: {train.precision: half}",
            "--train.precision: expected one of auto, float32, mixed_float16, mixed_bfloat16; got half",
        ),
        ("model: mlp\nvary: {seed: [1, 2, 1]}", "vary: seed: a value stands there twice: [1, 2, 1]"),
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
            "--train.batch_size: expected a whole number above 0; got 25.8",
        ),
        (
            "model: mlp\nvary: {model: [mlp, hybird]}",
            "vary: model: no such model: 'hybird' (did you mean hybrid?)",
        ),
        (
            "model: mlp\nvary: {seed: [1]}\nmetrics: [macro_f1, minutes]",
            "objective: expected one of the metrics, macro_f1, minutes; got 'micro_f1' (did you ",
        ),
        (
            "model: mlp\nvary: {seed: [1]}\nmetrics: [micro_f1]\npublished: [{seed: 1, f1: 0.5}]",
            "published: row 1: f1: expected one of seed, micro_f1",
        ),
        (
            "model: mlp\nvary: {seed: [1]}\nmetrics: [micro_f1]\npublished: [{micro_f1: 0.5}]",
            "published: row 1: seed is missing",
        ),
        (
            "model: mlp\nvary: {seed: [1]}\nmetrics: [micro_f1, minuets]",
            "metrics: no such metric: 'minuets' (did you mean minutes?); expected a column of results.csv, ",
        ),
        ("model: mlp\nvary: {seed: [1]}\nmetrics: [[1]]", "metrics: no such metric: [1]; expected "),
        *(
            (
                "model: mlp\nvary: {seed: [1]}\nmetrics: [micro_f1]\n"
                f"published: [{{seed: 1, micro_f1: {value}}}]",
                f"published: row 1: micro_f1: expected a number; got {said}",
            )
            for value, said in {"high": "'high'", "[0.5]": "[0.5]", "true": "True", ".nan": "nan"}.items()
        ),
        ("model: mlp\nvary: {seed: [1]}\npublished: [3]", "published: row 1: expected `key: value`; got 3"),
        ("model: [", "not a YAML file of settings: "),
        ("- model", "expected settings as `key: value`; got list"),
    ],
)
def test_what_a_file_cannot_mean(tmp_path: Path, text: str, expected: str) -> None:
    assert message(tmp_path, text).startswith(expected)


def test_no_such_grid(tmp_path: Path) -> None:
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
@given(part=st.sampled_from(["title", "vary", "settings", "metrics", "published", "objective"]), value=YAML)
def test_whatever_stands_in_a_file_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, part: str, value: object
) -> None:
    content = {"model": "mlp", "vary": {"train.epochs": [1, 3]}, part: value}
    try:
        assert read_grid(write(tmp_path_factory.getbasetemp(), yaml.safe_dump(content))).name == "mine"
    except UserError as error:
        said = str(error)
    else:
        said = ""
    assert "\n" not in said


FILES = {
    "report1-captions": "report1_table2",
    "report1-loss": "report1_table2",
    "report1-lr": "report1_table2",
    "report1-models": "report1_table1",
    "report2": "report2_grid",
    "report2-step1": "report2_step1",
}
ABLATIONS: dict[str, tuple[str, str, list[str] | list[float]]] = {
    "report1-captions": ("captions", "captions.encoder", ["none", "bigram"]),
    "report1-loss": ("loss", "loss.name", ["focal", "bce"]),
    "report1-lr": ("learning_rate", "train.learning_rate", [0.001, 0.0001, 0.005, 0.01]),
}


@pytest.mark.real
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason=f"needs the published tables in {PUBLISHED}")
@pytest.mark.parametrize("name", [path.stem for path in sorted(GRIDS.glob("report*.yaml"))])
def test_published_rows_are_those_of_the_reports(name: str) -> None:
    names = {
        "epoch": "train.epochs",
        "epochs": "train.epochs",
        "dropout": "fusion.dropout",
        "batch_size": "train.batch_size",
        "learning_rate": "train.learning_rate",
        "test_f1": "micro_f1",
        "f1": "batch_macro_f1",
    }
    table = pd.read_csv(PUBLISHED / f"{FILES[name]}.csv")
    if name in ABLATIONS:
        study, key, values = ABLATIONS[name]
        table = table[table["study"] == study].drop(columns=["study", "configuration"])
        table.insert(0, key, values)
    elif name == "report2-step1":
        table = table.drop(columns="model")
    rows = table.rename(columns=names).to_dict("records")
    expected = [{str(key): value for key, value in row.items() if value == value} for row in rows]
    assert read_grid(name).published == expected
