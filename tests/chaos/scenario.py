"""One scenario: faults are injected into a command until it finishes; its result must be the reference's."""

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.command_specs import CommandSpec, Result
from tests.chaos.faults import (
    Ended,
    Workspace,
    can_mount,
    changed_data,
    full_disk,
    moved_clock,
    read_only,
    stop,
    two_at_once,
)
from tests.helpers import make_data


@dataclass
class Scenario:
    """What happened in a scenario.

    Attributes:
        ended: the processes, in order.
        differences: what differs from the reference result, or is wrong about a process.
    """

    ended: list[Ended] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def reference(spec: CommandSpec, folder: Path) -> tuple[Result, float]:
    """Return what the command leaves without faults, and the seconds it takes.

    Raises:
        RuntimeError: if it fails.
    """
    workspace = _workspace(spec, folder, 0, random.Random(0))
    start = time.monotonic()
    ended = workspace.run_to_end(spec.command)
    if ended.problem:
        raise RuntimeError(f"{spec.name}: {ended.problem}\n{ended.output}")
    return spec.result(workspace.run), time.monotonic() - start


def run_scenario(
    spec: CommandSpec, folder: Path, expected: Result, total: float, seed: str, stops: int
) -> Scenario:
    """Inject faults until the command was stopped `stops` times or is finished, finish it, and compare.

    Args:
        spec: the command.
        folder: a folder that does not exist; it is removed if nothing differs.
        expected: the reference result.
        total: seconds of the reference process.
        seed: the same seed draws the same faults; their moments depend on the machine, too.
        stops: the most stops.
    """
    workspace = _workspace(spec, folder, total, random.Random(seed))
    scenario = Scenario()
    while _stops(scenario) < stops and not spec.finished(workspace.run):
        ended = _choose(workspace)(workspace)
        scenario.ended.append(ended)
        if ended.problem:
            break
    last = workspace.spec.finish if spec.finished(workspace.run) else spec.command
    if last:
        scenario.ended.append(workspace.run_to_end(last))
    scenario.differences += [
        f"{each.fault or 'no fault'}: {each.problem}\n{each.output}"
        for each in scenario.ended
        if each.problem
    ]
    if not scenario.differences:
        found = spec.result(workspace.run)
        scenario.differences += [name for name in found | expected if found.get(name) != expected.get(name)]
        left = [str(path) for path in workspace.run.rglob(".*") if path.name not in (".lock",)]
        scenario.differences += [f"left behind: {', '.join(left)}"] if left else []
    if not scenario.differences:
        shutil.rmtree(folder)
    return scenario


def _stops(scenario: Scenario) -> int:
    return sum(each.fault.startswith("stop") for each in scenario.ended)


def _choose(workspace: Workspace) -> Callable[[Workspace], Ended]:
    rare = [full_disk, moved_clock, two_at_once]
    rare += [changed_data] if workspace.started and workspace.spec.name == "train" else []
    rare += [read_only] if can_mount() else []
    return workspace.chance.choice(rare) if workspace.chance.random() < 0.15 else stop


def _workspace(spec: CommandSpec, folder: Path, total: float, chance: random.Random) -> Workspace:
    make_data(folder / "data")
    for name, content in spec.files.items():
        (folder / name).write_text(content)
    return Workspace(folder, spec, total, chance)
