import dataclasses
import typing
from pathlib import Path

import pytest
import yaml

from kmlc.commands.train import parse
from kmlc.config import CaptionsConfig, Config, FusionConfig, HierarchyConfig, TowerConfig, TrainConfig
from kmlc.errors import UserError
from kmlc.settings import checked, config_from_flags, load_config, model_names, save_config
from kmlc.yaml_files import write_yaml

ROOT = Path(__file__).parent.parent


def config_of(*arguments: str) -> Config:
    return parse(arguments)[1]


def error_of(*arguments: str) -> str:
    with pytest.raises(UserError) as raised:
        parse(arguments)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_later_layers_win(tmp_path: Path) -> None:
    """Defaults < configs/<model>.yaml < --config FILE < flags, in whatever order they are typed."""
    file = tmp_path / "mine.yaml"
    write_yaml(file, {"train": {"batch_size": 7, "epochs": 4}})
    config = config_of("--train.epochs", "9", "--config", str(file), "--model", "system2")
    assert config.train.epochs == 9
    assert config.train.batch_size == 7
    assert config.captions.encoder == "trigram"
    assert config.train.accumulation == 1


@pytest.mark.parametrize("arguments", [["--epochs", "3"], ["--epochs=3"]])
def test_epochs_for_short(arguments: list[str]) -> None:
    assert config_of("--model", "vgg16", *arguments) == config_of("--model=vgg16", "--train.epochs=3")


def test_a_config_file_may_pick_the_model(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    write_yaml(file, {"model": "system2"})
    assert config_of(f"--config={file}").thresholds.no_label == "3"


def test_resolved_settings_come_back_from_a_file(tmp_path: Path) -> None:
    config = config_of("--model", "system2", "--loss.class_weights", "[1, 2.5]", "--images.size", "96")
    save_config(tmp_path / "config.yaml", config)
    assert load_config(tmp_path / "config.yaml") == config


def test_settings_are_plain_numbers() -> None:
    """Jsonargparse hands out subclasses such as PositiveInt, and Keras refuses them as a dtype."""
    config = config_of("--train.accumulation", "2", "--images.crop", "0.5", "--thresholds.grid", "[0.5]")
    values = (config.train.accumulation, config.images.crop, config.thresholds.grid[0], config.seed)
    assert [type(value) for value in values] == [int, float, float, int]


def test_system2_is_the_published_form() -> None:
    config = config_of("--model", "system2")
    assert config.tower == TowerConfig(
        "hybrid", sequence="last", norm="after", feedforward_dim=2048, transformer_dropout=0.1
    )
    assert config.captions == CaptionsConfig("trigram")
    assert config.fusion == FusionConfig("join", hidden_dim=1024, dropout=0.5)
    assert (config.loss.name, config.thresholds.method, config.thresholds.value) == (
        "soft_margin",
        "fixed",
        0.5,
    )
    assert config.split.method == "random"


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('["01", "02"]', ["01", "02"]),
        ("[yes, no]", ["yes", "no"]),
        ("[1.5, 2, null, 1e3, 01, '5', -3]", ["1.5", 2, "null", "1e3", "01", "5", -3]),
        ("[]", []),
    ],
)
def test_labels_given_as_flags_are_what_was_typed(text: str, labels: list[int | str]) -> None:
    assert config_of(f"--labels.vocabulary={text}").labels.vocabulary == labels
    config = config_of("--hierarchy.held_out_subclasses", text, "--hierarchy.held_out_superclasses", text)
    assert config.hierarchy == HierarchyConfig(held_out_subclasses=labels, held_out_superclasses=labels)


def test_null_and_numbers_in_place_of_labels() -> None:
    assert config_of("--labels.vocabulary=null").labels.vocabulary is None
    assert config_of("--hierarchy.held_out_subclasses=3").hierarchy.held_out_subclasses == 3


@pytest.mark.parametrize("text", ["#1", "~", "01", "'q'", "[1]", "", "true"])
def test_a_string_given_as_a_flag_is_that_string(text: str) -> None:
    config = config_of(f"--data={text}", "--run", text, f"--labels.delimiter={text}")
    assert (config.data, config.run, config.labels.delimiter) == (text, text, text)


def test_the_word_null_is_null_where_the_type_has_it() -> None:
    config = config_of("--data=null", "--thresholds.no_label=null")
    assert (config.data, config.thresholds.no_label) == (None, "null")


@pytest.mark.parametrize("text", ["train.epochs: 3", "train: {epochs: 3}"])
def test_a_config_file_may_have_dotted_keys(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    assert config_of("--config", str(file)).train.epochs == 3


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (
            ["--train.batch_size", "-3"],
            ["--train.batch_size", "a whole number from 1 to 2147483647", "got -3"],
        ),
        (
            ["--train.batch_size", "abc"],
            ["--train.batch_size", "a whole number from 1 to 2147483647", "got abc"],
        ),
        (
            ["--train.batchsize", "30"],
            ["--train.batchsize: no such flag", "did you mean --train.batch_size?"],
        ),
        (["--train.epochs=0"], ["--train.epochs", "a whole number from 1 to 2147483647", "got 0"]),
        (["--epochs", "0"], ["--train.epochs", "a whole number from 1 to 2147483647", "got 0"]),
        (["--train.monitor", "f1"], ["--train.monitor: expected one of objective, loss, none; got f1"]),
        (["--model", "hybrod"], ["--model: expected one of", "got 'hybrod'", "did you mean hybrid?"]),
        (["--train.xla", "maybe"], ["--train.xla: expected auto, or true or false; got maybe"]),
        (
            ["--captions.encoder", "brt"],
            ["--captions.encoder: expected one of none, bigram, trigram, tfidf, bert; got brt"],
        ),
        (["--split.validation", "1"], ["a number above 0 and below 1; got 1"]),
        (["--train.ema=1"], ["--train.ema: expected a number from 0 to below 1; got 1"]),
        (["--thresholds.grid", "[0.5, 2]"], ["--thresholds.grid: expected a list", "got 2"]),
        (
            ["--train.warmup=3", "--epochs=3"],
            ["train.warmup: expected fewer epochs than train.epochs, 3; got 3"],
        ),
        (["--train.image_rate=0"], ["--train.image_rate: expected", "got 0"]),
        (["--train.layer_decay=1.1"], ["--train.layer_decay: expected", "got 1.1"]),
        (["--train.schedule", "linear"], ["--train.schedule: expected one of plateau, cosine; got linear"]),
        (["--seed", "-1"], ["--seed: expected a whole number from 0 to 4294967295; got -1"]),
        (["--images.zoom", "1"], ["--images.zoom: expected a number from 0 to below 1; got 1"]),
        (["--images.crop_ratio", "0.5"], ["--images.crop_ratio: expected a number from 1 to 100; got 0.5"]),
        (["--images.rotation", "200"], ["--images.rotation: expected a number from 0 to 180; got 200"]),
        (["--images.crop_area", "0"], ["--images.crop_area: expected", "above 0 and below 1", "got 0"]),
        (["--seed"], ["--seed", "expected one argument"]),
        (["--config", "none.yaml"], ["none.yaml: no such file"]),
        (["nonsense"], ["nonsense"]),
        (["--fusion", "x"], ["--fusion: no such flag; expected one of its settings, such as --fusion.name"]),
        (["--train=f.yaml"], ["--train: no such flag; expected one of its settings, such as --train.epochs"]),
        (["--labels.vocabulary+=[a]"], ["--labels.vocabulary+: no such flag"]),
        (["--labels.vocabulary=[[1], a]"], ["--labels.vocabulary: expected a list, each a", "got [1]"]),
        (["--labels.vocabulary", "x"], ["--labels.vocabulary: expected a list, each a", "got x"]),
        (["--data"], ["--data: expected one argument"]),
    ],
)
def test_a_wrong_flag_is_one_line(arguments: list[str], parts: list[str]) -> None:
    message = error_of(*arguments)
    assert [part for part in parts if part not in message] == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("train: {batchsize: 3}", ["train.batchsize: no such setting", "did you mean train.batch_size?"]),
        ("trian: {}", ["trian: no such setting", "did you mean train?"]),
        ("train: {batch_size: x}", ["train.batch_size: expected a whole number from 1 to 2147483647; got x"]),
        ("train: 3", ["train: expected settings below it; got 3"]),
        ("model: 3", ["model: expected one of", "got 3"]),
        ("model: null", ["model: expected one of", "got null"]),
        ("model: [a]", ["model: expected one of", "got ['a']"]),
        ("trian.epochs: 3", ["trian.epochs: no such setting (did you mean train.epochs?)"]),
        ("labels: {vocabulary: [yes]}", ["labels.vocabulary: expected a list, each a", "got True"]),
        ("train: [", ["not a YAML file of settings"]),
        ("- 3", ["expected settings as `key: value`; got list"]),
    ],
)
def test_a_wrong_config_file_is_one_line_that_names_it(tmp_path: Path, text: str, parts: list[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    message = error_of("--config", str(file))
    assert [part for part in [str(file), *parts] if part not in message] == []


def documented(owner: type) -> None:
    for field in dataclasses.fields(owner):
        assert f"\n        {field.name}: " in (owner.__doc__ or ""), f"{owner.__name__}.{field.name}"
        if dataclasses.is_dataclass(field.type):
            documented(typing.cast(type, field.type))


def test_every_setting_has_a_line_of_meaning() -> None:
    documented(Config)


def test_the_default_config_is_that_of_the_yaml_files_model() -> None:
    for model in model_names():
        assert yaml.safe_load((ROOT / "configs" / f"{model}.yaml").read_text())["model"] == model


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--train.epochs=99999999999999999999"], "a whole number from 1 to 2147483647; got 999999"),
        (["--train.learning_rate=inf"], "a finite number above 0; got inf"),
        (["--loss.gamma=inf"], "a finite number, 0 or more; got inf"),
        (["--thresholds.grid=[]"], "thresholds.grid: expected one number or more; got an empty list"),
    ],
)
def test_values_that_end_in_a_traceback_later_are_refused_at_once(flags: list[str], expected: str) -> None:
    with pytest.raises(UserError) as raised:
        config_from_flags(flags)
    assert expected in str(raised.value)


@pytest.mark.parametrize(
    ("flags", "name", "preset"),
    [
        ([], "hybrid", None),
        (["--tower.preset=vit"], "preset", "vit"),
        (["--tower.preset=vit", "--tower.name=preset"], "preset", "vit"),
        (["--config=with_preset.yaml"], "preset", "deit"),
        (["--config=with_preset.yaml", "--tower.preset=vit"], "preset", "vit"),
        (["--config=with_preset.yaml", "--tower.name=resnet18"], "resnet18", None),
        (["--config=with_preset.yaml", "--tower.dropout=0.1"], "preset", "deit"),
        (["--model=quick", "--tower.preset=vit"], "preset", "vit"),
    ],
)
def test_a_preset_takes_the_place_of_the_tower_below_it(
    flags: list[str], name: str, preset: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("with_preset.yaml").write_text("tower: {preset: deit}")
    config = config_of("--model=hybrid", *flags)
    assert (config.tower.name, config.tower.preset) == (name, preset)
    # quick has those of ImageNet, which its user never named.
    assert config.tower.weights == "none"
    assert checked(config) == config


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--tower.preset=vit", "--tower.name=vgg16"], "tower.name: expected it left out, or preset, with"),
        (["--tower.name=preset"], "tower.preset: expected a preset with tower.name preset; got null"),
    ],
)
def test_a_tower_has_either_a_name_or_a_preset(flags: list[str], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        config_from_flags(flags)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Config(train=TrainConfig(epochs=0)), "train.epochs: expected a whole number from 1 to"),
        (Config(data=Path("d")), "data: expected a string, or null"),  # type: ignore[arg-type]
        (Config(tower=TowerConfig(name="zzz")), "tower.name: expected one of none"),  # type: ignore[arg-type]
    ],
)
def test_settings_that_were_built_in_code_are_checked(config: Config, expected: str) -> None:
    with pytest.raises(UserError, match=f"^{expected}"):
        checked(config)
    assert checked(Config()) == Config()
