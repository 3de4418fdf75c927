"""Every setting as a flag and in a file, with values of every kind; files of settings of any bytes."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example
from hypothesis import strategies as st

from kmlc.commands.train import main as train
from kmlc.commands.tune import main as tune
from kmlc.errors import UserError
from kmlc.setting_flags import setting_types
from kmlc.settings import CONFIGS, load_config, model_config, save_config
from kmlc.training.estimate import Cost
from tests.fuzz.harness import Finding, Sandbox, fuzz
from tests.fuzz.strategies import EDITS, ENCODINGS, WILD_VALUES, Edit, edited

KEYS = st.sampled_from(sorted(setting_types()))
NEAR = st.sampled_from(
    ["0", "0.5", "1", "2", "3.0", "true", "false", "none", "auto", "null", "a", "[1]", "[a, 1]"]
)
VALUES = (
    st.sampled_from(WILD_VALUES) | NEAR | st.text(max_size=12) | st.integers().map(str) | st.floats().map(str)
)
OBJECTS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | VALUES | st.dates() | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(VALUES, inner, max_size=3),
    max_leaves=5,
)
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
"""A few lines of YAML that come to nine to the power of nine elements where references are followed."""


@pytest.fixture(autouse=True)
def _no_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kmlc.reports.grid_plan.measure_cost", lambda *_: Cost(1.0, 1.0))


def check_round_trip(sandbox: Sandbox, printed: str, arguments: object) -> None:
    """Check that accepted settings, saved and loaded, are the same, and that what is printed is these."""
    shown = yaml.safe_load(printed)
    file = sandbox.work / "saved.yaml"
    file.write_text(printed, encoding="utf-8")
    try:
        loaded = model_config([file], {})
    except UserError as error:
        raise Finding("settings changed", "printed ones are refused", f"{arguments}\n{error}") from None
    if repr(dataclasses.asdict(loaded)) != repr(shown):
        raise Finding("settings changed", "printed ones are read as others", str(arguments))
    save_config(file, loaded)
    try:
        again = load_config(file)
    except UserError as error:
        raise Finding("settings changed", "saved ones are refused", f"{arguments}\n{error}") from None
    if repr(again) != repr(loaded):
        raise Finding("settings changed", "saved ones are read as others", str(arguments))


@fuzz("settings", 4500, given=st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=2))
@example(given=[("run", "1e-4")])
@example(given=[("data", "1e3")])
@example(given=[("labels.delimiter", "\t"), ("labels.vocabulary", "['01', 1, '~']")])
def test_any_value_of_a_setting_as_a_flag(sandbox: Sandbox, given: list[tuple[str, str]]) -> None:
    sandbox.clear()
    flags = [f"--{key}={value}" for key, value in given]
    outcome = sandbox.call(train, *flags, "--print_config")
    if outcome.code == 0:
        check_round_trip(sandbox, outcome.out, flags)


@fuzz(
    "settings",
    1500,
    arguments=st.lists(
        VALUES | KEYS.map("--{}".format) | st.sampled_from(["--config", "--resume"]), max_size=4
    ),
)
@example(arguments=["", ""])
def test_any_arguments(sandbox: Sandbox, arguments: list[str]) -> None:
    sandbox.clear()
    sandbox.call(train, *arguments, "--print_config")


@fuzz(
    "config files",
    1500,
    settings=st.dictionaries(KEYS, OBJECTS, min_size=1, max_size=3),
    nested=st.booleans(),
)
@example(settings={"train.epochs": None, "data": None}, nested=True)
@example(settings={"data": "1e3", "labels.names": "~"}, nested=False)
def test_values_of_any_type_in_a_file(sandbox: Sandbox, settings: dict[str, Any], nested: bool) -> None:
    tree: dict[str, Any] = {}
    for key, value in settings.items():
        group, _, name = key.rpartition(".")
        (tree.setdefault(group, {}) if nested and group else tree)[name if nested else key] = value
    try:
        text = yaml.safe_dump(tree, allow_unicode=True)
    except (yaml.YAMLError, UnicodeEncodeError):
        return
    file = sandbox.clear() / "f.yaml"
    file.write_text(text, encoding="utf-8", errors="replace")
    outcome = sandbox.call(train, "--config", "f.yaml", "--print_config")
    if outcome.code == 0:
        check_round_trip(sandbox, outcome.out, text)


@fuzz(
    "config files",
    700,
    model=st.sampled_from(sorted(CONFIGS.glob("*.yaml"))),
    edits=EDITS,
    encoding=st.sampled_from(ENCODINGS),
)
def test_damaged_files_of_settings(sandbox: Sandbox, model: Path, edits: list[Edit], encoding: str) -> None:
    file = sandbox.clear() / "f.yaml"
    file.write_bytes(edited(model.read_text(encoding="utf-8").encode(encoding), edits))
    sandbox.call(train, "--config", "f.yaml", "--print_config")


@fuzz(
    "config files",
    800,
    content=st.binary(max_size=80)
    | st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
@example(content=BOMB.encode())
@example(content=b"[" * 20_000)
@example(content=b"{a: " * 3_000)
@example(content=b"train: {epochs: " + b"9" * 5000 + b"}")
def test_any_bytes_as_settings_or_grid(sandbox: Sandbox, content: bytes) -> None:
    file = sandbox.clear() / "f.yaml"
    file.write_bytes(content)
    sandbox.call(train, "--config", "f.yaml", "--print_config")
    sandbox.call(tune, "--grid", "f.yaml", "--dry-run")


GRIDS = st.sampled_from(sorted((CONFIGS / "grids").glob("*.yaml")))


@fuzz("grid files", 500, grid=GRIDS, edits=EDITS)
def test_damaged_grids(sandbox: Sandbox, grid: Path, edits: list[Edit]) -> None:
    file = sandbox.clear() / "f.yaml"
    file.write_bytes(edited(grid.read_bytes(), edits))
    sandbox.call(tune, "--grid", "f.yaml", "--dry-run")


AXES = st.dictionaries(KEYS, st.lists(OBJECTS, max_size=3) | OBJECTS, min_size=1, max_size=2)
OTHERS = st.dictionaries(
    st.sampled_from(["title", "model", "settings", "objective", "metrics", "published"]), OBJECTS, max_size=2
)


@fuzz("grid files", 500, vary=AXES, others=OTHERS, trials=st.integers(1, 5))
@example(vary={"seed": [1, 1.0]}, others={}, trials=2)
@example(
    vary={
        key: list(range(1, 60))
        for key in (
            "seed",
            "train.epochs",
            "train.batch_size",
            "captions.layers",
            "captions.heads",
            "fusion.hidden_dim",
        )
    },
    others={},
    trials=1,
)
def test_grids_with_values_of_any_type(
    sandbox: Sandbox, vary: Mapping[str, Any], others: Mapping[str, Any], trials: int
) -> None:
    file = sandbox.clear() / "f.yaml"
    try:
        text = yaml.safe_dump({"model": "simple_cnn", "vary": dict(vary), **others})
    except (yaml.YAMLError, UnicodeEncodeError):
        return
    file.write_text(text, encoding="utf-8", errors="replace")
    sandbox.call(tune, "--grid", "f.yaml", "--dry-run", "--trials", trials)
