"""Settings that are saved are loaded equal, whatever their values."""

import dataclasses
import re
import tempfile
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kmlc.commands.train import parse
from kmlc.config import Config, LabelsConfig, TableConfig
from kmlc.errors import UserError
from kmlc.settings import load_config, save_config

TRICKY = [
    *("1e-4", "1e3", "1_000", "0x10", "0o17", ".inf", "2020-01-01", "12:30:00", "01"),
    *("null", "~", "", "#", "on", "no", "true", "-", "[1]", "{a: 1}", "a: b", "a #b", "&a", "*a"),
    *(" x ", "a\nb", "\x85", "'q'", '"q"'),
]
"""Strings that YAML could read as something else."""


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the values of a setting's type."""
    if typing.get_origin(kind) is typing.Literal:
        return st.sampled_from(typing.get_args(kind))
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return st.one_of([values(each) for each in typing.get_args(kind)])
    if typing.get_origin(kind) is list:
        return st.lists(values(typing.get_args(kind)[0]), max_size=3)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(typing.cast(type, kind), **{name: values(each) for name, each in hints.items()})
    if kind is str:
        # YAML cannot hold surrogates and most control characters.
        return st.sampled_from(TRICKY) | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)
    if kind in (bool, type(None)):
        return st.booleans() if kind is bool else st.none()
    if issubclass(kind, int):
        return st.one_of([st.integers(*ends) for ends in [(0, 0), (1, 2**31)] if _are_valid(kind, ends)])
    ranges = [(0.0, 0.0), (1e-9, 0.99), (1.0, 100.0)]
    return st.one_of([st.floats(*ends) for ends in ranges if _are_valid(kind, ends)])


def _are_valid(kind: Any, numbers: Iterable[float]) -> bool:
    try:
        for number in numbers:
            kind(number)
    except ValueError:
        return False
    return True


@given(values(Config))
@example(Config(run="1e-4", data="null", table=TableConfig(train="~", test="#")))
def test_saved_settings_are_loaded_equal(config: Config) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        save_config(path, config)
        assert load_config(path) == config


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
