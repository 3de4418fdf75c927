"""The notes in the report of a study: the command, the data and the machine behind its metrics."""

from collections.abc import Sequence
from datetime import date

from kmlc.files import read_json
from kmlc.program import command_line
from kmlc.progress import duration
from kmlc.settings import load_config
from kmlc.tuning.records import begun_runs
from kmlc.tuning.study import Study


def notes(study: Study, arguments: Sequence[str]) -> list[str]:
    """Return lines on the command, the data, the machine and the date.

    Args:
        study: where.
        arguments: the command-line arguments.
    """
    seconds = duration(read_json(study.seconds))
    lines = [f"Command: `{command_line('tune', *arguments)}`, which took {seconds} in all"]
    finished = [trial.run for trial in begun_runs(study) if trial.run.finished]
    if finished:
        run = finished[0]
        rows = {split: len(names) for split, names in read_json(run.split).items() if names}
        splits = ", ".join(f"{count:,} {split} rows" for split, count in rows.items())
        settings, environment = load_config(run.config), read_json(run.environment)
        size = (
            f", images of {settings.images.size}x{settings.images.size}"
            if settings.tower.input == "image"
            else ""
        )
        lines.append(f"Data: {settings.data or 'the built-in sample'}, {splits}{size}")
        machine = f"{environment['cpu_count']} cores, {', '.join(environment['devices'])}"
        versions = ", ".join(f"{name} {environment['packages'][name]}" for name in ("tensorflow", "keras"))
        lines.append(f"Machine: {environment['platform']}, {machine}; {versions}")
    return [*lines, f"Date: {date.today().isoformat()}"]
