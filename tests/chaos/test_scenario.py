"""A few stops of each command; `make chaos` makes hundreds."""

from pathlib import Path

import pytest

from tests.chaos.command_specs import TRAIN, TUNE, CommandSpec
from tests.chaos.scenario import reference, run_scenario

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("spec", [TRAIN, TUNE], ids=lambda spec: spec.name)
def test_stopped_command_ends_as_the_reference(spec: CommandSpec, tmp_path: Path) -> None:
    expected, total = reference(spec, tmp_path / "reference")

    scenario = run_scenario(spec, tmp_path / "scenario", expected, total, f"0-{spec.name}", stops=3)

    assert scenario.differences == []
    assert any(ended.fault.startswith("stop") for ended in scenario.ended)


def test_difference_is_found(tmp_path: Path) -> None:
    expected, total = reference(TRAIN, tmp_path / "reference")
    expected["thresholds.json"] = "another digest"

    scenario = run_scenario(TRAIN, tmp_path / "scenario", expected, total, "0", stops=0)

    assert scenario.differences == ["thresholds.json"]
