"""Settings that are saved are loaded equal, whatever their values."""

import dataclasses
import os
import re
import tempfile
import threading
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kmlc.commands.train import parse
from kmlc.config import Config, LabelsConfig, TableConfig
from kmlc.errors import UserError
from kmlc.setting_flags import setting_types
from kmlc.settings import load_config, save_config, setting

TRICKY = [
    *("1e-4", "1e3", "1_000", "0x10", "0o17", ".inf", "2020-01-01", "12:30:00", "01"),
    *("null", "~", "", "#", "on", "no", "true", "-", "[1]", "{a: 1}", "a: b", "a #b", "&a", "*a"),
    *(
        " x ",
        " ",
        "a\nb",
        "a\r\nb",
        "\x85",
        "\u2028",
        "\u202eabc",
        "\ufeff",
        "\ufffe",
        "\x1b[31m",
        "\x7f",
        "😀",
    ),
    *(
        "'q'",
        '"q"',
        "!!binary aGk=",
        "- a",
        "{a: b}",
        "[1",
        "=",
        "<<",
        "yes",
        "0x1F",
        "007",
        "12:30:45",
        "%",
        "|",
    ),
]
"""Strings that YAML could read as something else."""


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the values of a setting's type."""
    if typing.get_origin(kind) is typing.Literal:
        return st.sampled_from(typing.get_args(kind))
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return st.one_of([values(each) for each in typing.get_args(kind)])
    if typing.get_origin(kind) is list:
        return st.lists(values(typing.get_args(kind)[0]), min_size=1, max_size=3)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(typing.cast(type, kind), **{name: values(each) for name, each in hints.items()})
    if kind is str:
        writable = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
        return st.sampled_from(TRICKY) | st.text(writable, max_size=8)
    if kind in (bool, type(None)):
        return st.booleans() if kind is bool else st.none()
    if issubclass(kind, int):
        return st.one_of([st.integers(*ends) for ends in [(0, 0), (1, 2**31 - 1)] if _are_valid(kind, ends)])
    ranges = [(0.0, 0.0), (1e-9, 0.99), (1.0, 100.0)]
    return st.one_of([st.floats(*ends) for ends in ranges if _are_valid(kind, ends)])


def _are_valid(kind: Any, numbers: Iterable[float]) -> bool:
    try:
        for number in numbers:
            kind(number)
    except ValueError:
        return False
    return True


def types_of(value: Any) -> Any:
    """Return the types of all values in settings."""
    if dataclasses.is_dataclass(value):
        return {field.name: types_of(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [types_of(each) for each in value] if isinstance(value, list) else type(value)


def _with_one_tower(config: Config) -> Config:
    """Return settings whose tower is either that of a preset or has a name."""
    preset = (config.tower.preset or "1e-4") if config.tower.name == "preset" else None
    return dataclasses.replace(config, tower=dataclasses.replace(config.tower, preset=preset))


@settings(max_examples=40)
@given(values(Config).map(_with_one_tower))
@example(Config(run="1e-4", data="null", table=TableConfig(train="~", test="#")))
def test_saved_settings_are_loaded_equal(config: Config) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        save_config(path, config)
        loaded = load_config(path)
        assert loaded == config
        assert types_of(loaded) == types_of(config)


@settings(max_examples=40)
@given(st.data())
def test_settings_given_as_flags_are_saved_and_loaded_equal(data: st.DataObject) -> None:
    """Every setting, whatever its value: it is refused as a flag, or a run with it can be read."""
    key = data.draw(st.sampled_from(sorted(set(setting_types()) - {"model"})), "key")
    text = data.draw(st.sampled_from(TRICKY) | st.text(max_size=8) | st.integers().map(str), "text")
    try:
        config = parse([f"--{key}={text}"])[1]
    except UserError:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        save_config(path, config)
        for loaded in (load_config(path), parse(["--config", str(path)])[1]):
            assert loaded == config
            assert types_of(loaded) == types_of(config)


@pytest.mark.parametrize("text", ["a\0b", "\udcff"])
def test_text_that_no_file_can_hold_is_refused_on_entry(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f'data: "{text!a}"'.replace("'", ""))
    said = re.escape(f"data: expected text of Unicode without NUL; got {text!r}")
    with pytest.raises(UserError, match=f"^--{said}"):
        parse([f"--data={text}"])
    with pytest.raises(UserError, match=f"^{path}: {said}"):
        parse(["--config", str(path)])
    with pytest.raises(UserError, match=f"^{said}"):
        save_config(tmp_path / "config.yaml", Config(data=text))
    with pytest.raises(UserError, match="vocabulary: expected text"):
        save_config(tmp_path / "config.yaml", Config(labels=LabelsConfig(vocabulary=["a", text])))
    assert not (tmp_path / "config.yaml").exists()


@pytest.mark.parametrize("key", sorted(setting_types()))
def test_null_is_checked_as_any_value(key: str, tmp_path: Path) -> None:
    """It passed every check in a config file, and failed somewhere in the training."""
    path = tmp_path / "mine.yaml"
    path.write_text(f"{key}: null\n")
    if type(None) in typing.get_args(setting_types()[key]):
        assert setting(parse(["--config", str(path)])[1], key) is None
        assert setting(parse([f"--{key}=null"])[1], key) is None
    else:
        with pytest.raises(UserError, match=f"^{path}: {key}: expected .*; got null"):
            parse(["--config", str(path)])


def test_null_is_text_where_a_string_cannot_be_null() -> None:
    assert parse(["--tower.weights=null", "--table.train=null"])[1].tower.weights == "null"


def test_a_key_that_is_dotted_and_nested_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("train: {epochs: 3}\ntrain.epochs: 4\n")
    with pytest.raises(UserError, match=f"^{path}: train.epochs: there twice, dotted and nested"):
        parse(["--config", str(path)])


def test_a_config_file_is_read_once(tmp_path: Path) -> None:
    """A second reading of `--config <(command)` finds nothing."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("seed: 7\n",))
    writer.start()
    assert parse(["--config", str(pipe)])[1].seed == 7
    writer.join()


def test_files_apply_in_order_and_each_keeps_what_later_ones_leave_alone(tmp_path: Path) -> None:
    """The last of several files was the only one."""
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("model: system2\ntrain: {epochs: 3, batch_size: 4}\ndata: x\n")
    second.write_text("train: {epochs: 5}\ndata: null\n")
    config = parse([f"--config={first}", "--config", str(second)])[1]
    assert (config.train.epochs, config.train.batch_size, config.data) == (5, 4, None)
    assert config.captions.encoder == "trigram"
    assert parse([f"--config={second}", f"--config={first}"])[1].train.epochs == 3


@pytest.mark.parametrize("text", ["1e-4", "1e3", "0x10", "on", "2020-01-01"])
def test_strings_given_as_flags_are_loaded_as_strings(text: str, tmp_path: Path) -> None:
    config = parse([f"--run={text}", f"--table.train={text}", f"--data={text}"])[1]
    assert (config.run, config.table.train, config.data) == (text, text, text)
    save_config(tmp_path / "config.yaml", config)
    assert load_config(tmp_path / "config.yaml") == config
    assert parse(["--config", str(tmp_path / "config.yaml")])[1] == config


def test_the_format_is_the_first_key(tmp_path: Path) -> None:
    save_config(tmp_path / "config.yaml", Config())
    assert (tmp_path / "config.yaml").read_text().startswith("format: 2\nmodel: ")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("format: 1\n", "1"),
        ("", "none"),
        ("format: '2'\n", "'2'"),
        ("format: true\n", "True"),
        ("format: 2.0\n", "2.0"),
    ],
)
def test_another_format_is_one_line(line: str, found: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"{line}seed: 1\n")
    expected = f"{path}: written by another version of kmlc (format {found}); this one reads format 2"
    with pytest.raises(UserError, match=f"^{re.escape(expected)}$"):
        load_config(path)


def test_a_config_file_may_have_a_format(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("format: 2\nseed: 7\n")
    assert parse(["--config", str(path)])[1].seed == 7
    path.write_text("format: 1\nseed: 7\n")
    with pytest.raises(UserError, match=r"mine\.yaml: written by another version of kmlc \(format 1\)"):
        parse(["--config", str(path)])


def test_later_files_and_flags_win_over_strings(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("labels: {vocabulary: ['01', '02'], delimiter: '~'}\n")
    second.write_text("labels: {vocabulary: null}\n")
    files = [f"--config={first}", f"--config={second}"]
    assert parse(files[:1])[1].labels.vocabulary == ["01", "02"]
    assert parse(files)[1].labels == LabelsConfig(delimiter="~")
    assert parse([*files[:1], "--labels.vocabulary=[a]", "--labels.delimiter=;"])[1].labels == LabelsConfig(
        delimiter=";", vocabulary=["a"]
    )
