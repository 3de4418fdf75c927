"""Which study a command works on: an unfinished one of the same search, or a new one."""

import uuid
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from kmlc.errors import UserError
from kmlc.lock import locked
from kmlc.settings import FORMAT, dotted, load_config, read_settings
from kmlc.training.run_directory import RUNS, new_run
from kmlc.tuning.records import best_config, ended_trials
from kmlc.tuning.study import Study, StudyConfig
from kmlc.yaml_files import write_yaml

_IGNORED_KEYS = {"id", "grid.title", "grid.metrics", "grid.published", "grid.source"}
"""What differs between studies of the same search, by dotted key."""


def start_or_continue(config: StudyConfig, path: Path | None = None) -> Study:
    """Return the study of a command: an unfinished one of the same search, or a new one.

    Args:
        config: the search.
        path: its directory; None takes the newest unfinished one in runs/, and makes one if there is none.

    Raises:
        UserError: if `path` holds a study of another search, one that is finished, or other files.
    """
    if path is None:
        study = unfinished_study(config) or Study(new_run(f"tune-{config.grid.name}").path)
    else:
        study = Study(path)
        path.mkdir(parents=True, exist_ok=True)
    # Names that begin with a dot are files that were being written.
    if not study.config.is_file() and any(not each.name.startswith(".") for each in study.path.iterdir()):
        raise UserError(f"{study.path}: expected a study, a new folder or an empty one; got other files")
    with locked(study.path):  # two commands at once would give it two ids
        started = study.config.exists()
        if started and not _is_same_search(study, config):
            raise UserError(
                f"{study.path}: this study has another grid or other options, see its study.yaml; "
                "name another directory with --run"
            )
        if started and not _is_unfinished(study, config):
            raise UserError(f"{study.path}: this study is finished; its table is {study.report}")
        identity = study.identity if started else uuid.uuid4().hex
        write_yaml(study.config, {"format": FORMAT, "id": identity} | asdict(config))
    return study


def unfinished_study(config: StudyConfig, path: Path | None = None) -> Study | None:
    """Return the unfinished study of this search at `path`, or the newest one in runs/, or None."""
    paths = [each.parent for each in RUNS.glob("*/study.yaml")] if path is None else [path]
    mine = []
    for study in map(Study, paths):
        with suppress(UserError):
            if _is_same_search(study, config) and _is_unfinished(study, config):
                mine.append(study)
    return max(mine, key=lambda study: study.config.stat().st_mtime, default=None)


def _is_unfinished(study: Study, config: StudyConfig) -> bool:
    """Return whether a trial is left, or best.yaml is not that of the trials."""
    try:
        ended = ended_trials(study, config)
        asked = study.read(study.oracle)["start_order"]
        return load_config(study.best) != best_config(study, config) or any(
            int(each) + 1 not in ended  # KerasTuner counts from 0
            for each in asked
        )
    except UserError:  # a file that is missing or damaged: the search says which
        return True


def _is_same_search(study: Study, config: StudyConfig) -> bool:
    """Return whether a study searches the same; what only the report shows may differ."""
    saved, ours = (dotted(each) for each in (read_settings(study.config, of_run=True), asdict(config)))
    return all(saved.get(key) == ours.get(key) for key in (saved.keys() | ours.keys()) - _IGNORED_KEYS)
