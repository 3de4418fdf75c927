import itertools
from pathlib import Path

import pandas as pd
import pytest

from kmlc.errors import UserError
from kmlc.settings import setting
from kmlc.tuning.grid import Grid, Range
from kmlc.tuning.grid_file import GRIDS, grid_names, read_grid

PUBLISHED = Path(__file__).parent.parent.parent.parent / "shared" / "published"


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("name", "trials"),
    {
        "fusion": 4,
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
    assert len(list(grid.trials())) == grid.size == trials
    assert grid.objective in grid.metrics
    # Each published row is one of the trials, and each trial was published if any was.
    published = [{key: row[key] for key in grid.axes()} for row in grid.published]
    found = list(grid.trials())
    assert all(trial in found for trial in published)
    assert len(published) in (0, trials)


def test_no_grid_is_missing_above() -> None:
    assert len(grid_names()) == 8


def test_sixteen_trials_of_system_2_epochs_fastest() -> None:
    values = itertools.product([0.5, 0.7], [30, 50], [0.01, 0.001], [1, 3])
    keys = ["fusion.dropout", "train.batch_size", "train.learning_rate", "train.epochs"]
    assert [list(trial.items()) for trial in read_grid("report2").trials()] == [
        list(zip(keys, each, strict=True)) for each in values
    ]


def test_epochs_come_last_and_ascend(tmp_path: Path) -> None:
    grid = read_grid(write(tmp_path, "model: mlp\nvary: {train.epochs: [3, 1], seed: [5, 4]}\n"))
    assert list(grid.trials()) == [
        {"seed": 5, "train.epochs": 1},
        {"seed": 5, "train.epochs": 3},
        {"seed": 4, "train.epochs": 1},
        {"seed": 4, "train.epochs": 3},
    ]


def test_values_override_settings_and_settings_override_the_grid(tmp_path: Path) -> None:
    text = "model: mlp\nsettings: {train: {epochs: 7, batch_size: 9}, seed: 1}\nvary: {seed: [2]}\n"
    config = read_grid(write(tmp_path, text)).config({"seed": 3}, {"train.epochs": 8, "seed": 4})
    assert (config.model, config.train.epochs, config.train.batch_size, config.seed) == ("mlp", 8, 9, 3)


def test_models_of_system_1() -> None:
    grid = read_grid("report1-models")
    for model in ("simple_cnn", "cnn2", "resnet18", "vgg16", "efficientnetb4"):
        config = grid.config({"model": model, "train.epochs": 2})
        assert (config.model, config.tower.name, config.train.epochs) == (model, model, 2)
        assert config.train.monitor == "none"
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
    step1, hybrid = grid.config(next(grid.trials())), read_grid("report2").config({})
    assert (step1.tower.name, step1.captions.encoder, step1.train.batch_size) == ("simple_cnn", "none", 100)
    assert (step1.fusion, step1.loss, step1.images, step1.split) == (
        hybrid.fusion,
        hybrid.loss,
        hybrid.images,
        hybrid.split,
    )


def test_the_direction_of_an_objective() -> None:
    assert Grid("g", "", "mlp", {}, objective="val_loss").direction == "min"
    assert Grid("g", "", "mlp", {}, objective="hamming_loss").direction == "min"
    assert Grid("g", "", "mlp", {}).direction == "max"


def test_a_range_is_read_and_has_no_combinations(tmp_path: Path) -> None:
    text = (
        "model: mlp\nvary:\n"
        "  train.learning_rate: {min: 1e-5, max: 0.01, log: true}\n"
        "  train.batch_size: {min: 8, max: 64, whole: true}\n"
        "  loss.gamma: [1e-1, 2]\n"
    )
    grid = read_grid(write(tmp_path, text))
    # YAML 1.1 reads 1e-5 as a string.
    assert grid.vary == {
        "train.learning_rate": Range(1e-5, 0.01, log=True),
        "train.batch_size": Range(8, 64, whole=True),
        "loss.gamma": [0.1, 2],
    }
    for use in (grid.trials, lambda: grid.size):
        with pytest.raises(UserError, match=r"^mine: vary: train\.learning_rate: expected a list"):
            use()


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


def test_labels_of_a_grid_are_kept_as_they_are(tmp_path: Path) -> None:
    text = "model: mlp\nsettings: {data: '#1'}\nvary: {labels.vocabulary: [['01', '2'], ['yes', 3]]}\n"
    grid = read_grid(write(tmp_path, text))
    configs = [grid.config(values) for values in grid.trials()]
    assert [config.labels.vocabulary for config in configs] == [["01", "2"], ["yes", 3]]
    assert {config.data for config in configs} == {"#1"}
