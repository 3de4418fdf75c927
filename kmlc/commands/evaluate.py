"""Evaluate finished runs, with intervals.

    kmlc evaluate RUN                              # its test rows, or else its validation rows
    kmlc evaluate RUN OTHER_RUN --split validation # one after the other
    kmlc evaluate RUN --data DIR                   # rows with labels in another folder
    kmlc evaluate RUN --against OTHER_RUN          # paired: is one better than the other?

The intervals are of the bootstrap over rows. The tables are written too, with all numbers as JSON and CSV.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from jsonargparse import Namespace
from jsonargparse.typing import restricted_number_type

from kmlc.arguments import OneLineParser
from kmlc.commands.process import command, quiet_imports
from kmlc.errors import UserError
from kmlc.markdown import counted
from kmlc.program import program

Resamples = restricted_number_type("Resamples", int, [(">", 0), ("<=", 100_000)])
"""Each takes memory for every metric of every class."""


def parser() -> OneLineParser:
    """Return the parser of the command's arguments."""
    parser = OneLineParser(
        prog=program("evaluate"),
        usage="%(prog)s RUN [RUN ...] [options]",
        description=__doc__.partition("\n")[0],
    )
    add = parser.add_argument
    add("runs", nargs="+", metavar="RUN", help="directory of a finished run")
    add(
        "--split",
        type=Literal["test", "validation", "training"],
        help="rows of the run; default: test if it has them, else validation",
    )
    add(
        "--data",
        metavar="DIR",
        help="predict the rows of a data folder: its test rows if they have labels, else its training table",
    )
    add("--trained-on", action="store_true", help="with --data: keep rows that the run was trained on")
    add("--against", metavar="RUN", help="a run to compare each RUN with, on the rows of both")
    add(
        "--slice",
        action="append",
        default=[],
        metavar="COLUMN",
        help="also evaluate by the values of this column; may be repeated",
    )
    add("--resamples", type=Resamples, default=1000, metavar="N", help="resamples of the bootstrap")
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the files; default: evaluation/ in RUN, or evaluation-against-<run>/",
    )
    return parser


@command
def main(argv: Sequence[str]) -> None:
    """Parse, evaluate each run, and say where the files are."""
    options = parser().parse_args(argv)
    _check(options)

    with quiet_imports():
        from kmlc.lock import locked
        from kmlc.prediction.evaluated import EvaluationData, evaluation_data, paired_data
        from kmlc.reports.evaluation import EvaluationReport
        from kmlc.reports.evaluation_files import Subject
        from kmlc.reports.run_comparison import ComparisonReport
        from kmlc.settings import load_config
        from kmlc.tasks.comparison import compare_rows
        from kmlc.tasks.evaluation import evaluate_rows
        from kmlc.training.manifest import verified
        from kmlc.training.outputs import EVALUATION_FILES, check_output_folder
        from kmlc.training.run_directory import RunDirectory, check_finished, existing_run

    def evaluated(run: RunDirectory, seed: int) -> EvaluationReport:
        data = evaluation_data(run, options.split, options.data, options.trained_on, options.slice)
        announce(data)
        values = evaluate_rows(data.rows, data.slices, options.resamples, seed)
        return EvaluationReport(subject(run, None, data, seed), values, data.rows.highlights)

    def compared(run: RunDirectory, other: RunDirectory, seed: int) -> ComparisonReport:
        data, others = paired_data(run, other, options.split, options.data, options.trained_on)
        announce(data)
        values = compare_rows(data.rows, others, options.resamples, seed)
        return ComparisonReport(subject(run, str(other.path), data, seed), values)

    def announce(data: EvaluationData) -> None:
        print(f"Resampling {counted(len(data.rows), 'row')} {options.resamples:,} times", flush=True)

    def subject(run: RunDirectory, other: str | None, data: EvaluationData, seed: int) -> Subject:
        return Subject(str(run.path), other, data.source, data.notes, options.resamples, seed)

    other = None if options.against is None else existing_run(Path(options.against))
    for run in [existing_run(Path(each)) for each in options.runs]:
        with locked(run.path):
            for each in [run] if other is None else [run, other]:
                check_finished(each)
            config = load_config(verified(run.config))
            name = "evaluation" if other is None else f"evaluation-against-{other.path.resolve().name}"
            folder = options.out or run.path / name
            inputs = [config] if options.data is None else [config, replace(config, data=options.data)]
            check_output_folder(folder, EVALUATION_FILES, inputs, [run.path])
            report = evaluated(run, config.seed) if other is None else compared(run, other, config.seed)
            print(f"\n{report.screen()}")
            report.write(folder)
        values, table, page = EVALUATION_FILES
        print(f"\nTables:  {folder / page}, with {values} and {table}")


def _check(options: Namespace) -> None:
    if options.split is not None and options.data is not None:
        raise UserError("--split: expected it without --data; got both")
    if options.trained_on and options.data is None:
        raise UserError("--trained-on: goes with --data; got it without")
    if options.slice and options.against is not None:
        raise UserError("--slice: expected it without --against; got both")
    if options.out is not None and len(options.runs) > 1:
        raise UserError(
            f"--out: expected one RUN; got {len(options.runs)}, which would write into one folder"
        )
