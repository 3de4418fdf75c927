"""One journey: a command is disturbed until it is finished, and compared with an undisturbed one."""

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.disturbances import (
    Ended,
    Place,
    can_mount,
    changed_data,
    full_disk,
    moved_clock,
    read_only,
    stop,
    two_at_once,
)
from tests.chaos.subjects import Result, Subject
from tests.helpers import make_data


@dataclass
class Journey:
    """What happened on a journey.

    Attributes:
        ended: the processes, in order.
        differences: what differs from the undisturbed result, or is wrong about a process.
    """

    ended: list[Ended] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def undisturbed(subject: Subject, folder: Path) -> tuple[Result, float]:
    """Return what the command leaves when nothing disturbs it, and the seconds it takes.

    Raises:
        RuntimeError: if it fails.
    """
    place = _place(subject, folder, 0, random.Random(0))
    start = time.monotonic()
    ended = place.undisturbed(subject.command)
    if ended.problem:
        raise RuntimeError(f"{subject.name}: {ended.problem}\n{ended.output}")
    return subject.result(place.run), time.monotonic() - start


def travel(subject: Subject, folder: Path, expected: Result, total: float, seed: str, stops: int) -> Journey:
    """Disturb the command until it was stopped `stops` times or is finished, finish it, and compare.

    Args:
        subject: the command.
        folder: a folder that does not exist; it is removed if nothing differs.
        expected: the undisturbed result.
        total: seconds of an undisturbed process.
        seed: the same seed draws the same disturbances; their moments depend on the machine, too.
        stops: the most stops.
    """
    place = _place(subject, folder, total, random.Random(seed))
    journey = Journey()
    while _stops(journey) < stops and not subject.finished(place.run):
        ended = _choose(place)(place)
        journey.ended.append(ended)
        if ended.problem:
            break
    last = place.subject.finish if subject.finished(place.run) else subject.command
    if last:
        journey.ended.append(place.undisturbed(last))
    journey.differences += [
        f"{each.disturbance or 'undisturbed'}: {each.problem}\n{each.output}"
        for each in journey.ended
        if each.problem
    ]
    if not journey.differences:
        found = subject.result(place.run)
        journey.differences += [name for name in found | expected if found.get(name) != expected.get(name)]
        left = [str(path) for path in place.run.rglob(".*") if path.name not in (".lock",)]
        journey.differences += [f"left behind: {', '.join(left)}"] if left else []
    if not journey.differences:
        shutil.rmtree(folder)
    return journey


def _stops(journey: Journey) -> int:
    return sum(each.disturbance.startswith("stop") for each in journey.ended)


def _choose(place: Place) -> Callable[[Place], Ended]:
    begun = (place.run / "config.yaml").is_file()
    rare = [full_disk, moved_clock, two_at_once]
    rare += [changed_data] if begun and place.subject.name == "train" else []
    rare += [read_only] if can_mount() else []
    return place.chance.choice(rare) if place.chance.random() < 0.15 else stop


def _place(subject: Subject, folder: Path, total: float, chance: random.Random) -> Place:
    make_data(folder / "data")
    for name, content in subject.files.items():
        (folder / name).write_text(content)
    return Place(folder, subject, total, chance)
