"""The notes in the report of a study: the command, the data and the machine behind its metrics."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from kmlc.files import read_json
from kmlc.markdown import code, counted, escape
from kmlc.program import command_line
from kmlc.progress import duration
from kmlc.reports.grid_trials import finished
from kmlc.settings import load_config
from kmlc.training.manifest import verified
from kmlc.training.run_directory import RunDirectory


def notes(folder: Path, results: pd.DataFrame, seconds: float, arguments: Sequence[str]) -> list[str]:
    """Return lines on the command, the data, the machine and the date.

    Args:
        folder: the study's directory.
        results: results.csv so far; the data and the machine are those of its first finished run.
        seconds: the time that the study has taken.
        arguments: the command-line arguments.
    """
    lines = [f"Command: {code(command_line('tune', *arguments))}, which took {duration(seconds)} in all"]
    for path in results.loc[finished(results), "run"][:1]:
        run = RunDirectory(folder / path)
        rows = {split: len(names) for split, names in read_json(verified(run.split)).items() if names}
        splits = ", ".join(counted(count, f"{split} row") for split, count in rows.items())
        settings, environment = load_config(verified(run.config)), read_json(verified(run.environment))
        size = (
            f", images of {settings.images.size}x{settings.images.size}"
            if settings.tower.input == "image"
            else ""
        )
        data = escape(settings.data) if settings.data else "the built-in sample"
        lines.append(f"Data: {data}, {splits}{size}")
        machine = f"{environment['cpu_count']} cores, {', '.join(environment['devices'])}"
        versions = ", ".join(f"{name} {environment['packages'][name]}" for name in ("tensorflow", "keras"))
        lines.append(escape(f"Machine: {environment['platform']}, {machine}; {versions}"))
    for trial, seed, path in results.loc[finished(results), ["trial", "seed", "run"]].itertuples(index=False):
        diverged = read_json(verified(RunDirectory(folder / path).metrics)).get("diverged")
        if diverged:
            lines.append(f"Trial {trial}, seed {seed}: {diverged}; the metrics are of its best epoch before")
    return [*lines, *unread_captions(folder, results), f"Date: {date.today().isoformat()}"]


def unread_captions(folder: Path, results: pd.DataFrame) -> list[str]:
    """Return a line on the caption encoders that trials asked for, but could not use; none if there are none.

    Args:
        folder: the study's directory.
        results: results.csv so far.
    """
    if "captions.encoder" not in results:
        return []
    trials = results.loc[finished(results), ["captions.encoder", "run"]].itertuples(index=False, name=None)
    unread = dict.fromkeys(
        asked
        for asked, path in trials
        if load_config(verified(RunDirectory(folder / path).config)).captions.encoder != asked
    )
    if not unread:
        return []
    return [
        f"Captions: {', '.join(unread)} read nothing in any training caption; these trials were trained "
        "without captions"
    ]
