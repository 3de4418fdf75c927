"""The search itself: every case of a study trained, by this process or by workers."""

import dataclasses
import shutil
from pathlib import Path

from kmlc.errors import UserError
from kmlc.files import sha256_of, write_yaml
from kmlc.settings import load_config, save_config
from kmlc.tuning import workers
from kmlc.tuning.announce import Announcer
from kmlc.tuning.case import CaseTrainer
from kmlc.tuning.chief import serve, work
from kmlc.tuning.grid import Values
from kmlc.tuning.hparams import write_hparams
from kmlc.tuning.keep import drop_weights
from kmlc.tuning.options import Options
from kmlc.tuning.oracles import build_oracle
from kmlc.tuning.records import begun_runs, ranking, write_results
from kmlc.tuning.rows import SharedRows
from kmlc.tuning.search import search
from kmlc.tuning.study import Study, StudyConfig, begin_or_continue, load_study


def tune(config: StudyConfig, options: Options, path: Path | None = None) -> Study:
    """Train every case of a search, or those that an earlier command did not come to.

    Args:
        config: what is searched.
        options: how.
        path: the study's directory; None makes one in runs/, or goes on with the newest unfinished one that
            was begun with the same `config`.

    Returns:
        The finished study, less its report.

    Raises:
        UserError: for settings or data that cannot be trained on, or a study that is finished.

    Example:
        tune(StudyConfig(read_grid("report2")), Options(workers=2))
    """
    study = begin_or_continue(config, path)
    if study.finished:
        raise UserError(f"{study.path}: this study is finished; its results are in {study.report}")
    announcer = Announcer(study, config, options.share)
    announcer.begin()
    oracle = _oracle(config)
    try:
        if options.workers == 1 and options.chief is None:
            train_case = _case_trainer(study, config, options)

            def run_case(number: int, values: Values) -> dict[str, float]:
                try:
                    return train_case(number, values)
                finally:
                    announcer.update()

            search(oracle, study.path, run_case)
        else:
            with workers.local(options, study) as local:
                serve(oracle, study.path, local.address, local.lost, announcer.update)
    except KeyboardInterrupt:
        print(f"\nStopped; what is finished is in {study.results}. The same command goes on with the rest.")
        raise
    _finish(study, config, options)
    return study
