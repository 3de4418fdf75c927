"""Train every trial of a grid, and lay the metrics beside the published ones.

    python tune.py --grid report2                     # system 2's sixteen trials, on the built-in sample
    python tune.py --grid report2 --dry-run           # the trials, and how long they will take
    python tune.py --grid report2 --data DIR --images.size 64 --workers 2
    python tune.py --grid mine.yaml --search random --trials 20
    python tune.py --help

The same command goes on with a study that was stopped.
"""

import sys

from kmlc.cli import WorkCommand, guard, parse_tune, without_chatter


def main() -> None:
    """Parse, train every trial, report, and say what to do next."""
    command = parse_tune(sys.argv[1:])

    with without_chatter():
        import pandas as pd

        from kmlc.reports.grid_report import write_grid_report
        from kmlc.tuning.notes import notes
        from kmlc.tuning.plan import print_plan
        from kmlc.tuning.run import tune, work_for
        from kmlc.tuning.study import begin_or_continue

    if isinstance(command, WorkCommand):
        work_for(command.worker, command.run, command.options)
        return
    config = command.study
    if command.dry_run:
        print_plan(config, command.options)
        return
    study = begin_or_continue(config, command.run)

    def report(table: pd.DataFrame, total: int | None) -> None:
        write_grid_report(study.path, config.grid, table, notes(study, sys.argv[1:]), total)

    tune(study, config, command.options, report)
    print(f"\nTable:    {study.report}")
    print(f"Train:    python train.py --config {study.best}")


if __name__ == "__main__":
    guard(main)
