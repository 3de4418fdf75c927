"""Write the report of a finished run again.

    kmlc report RUN

Training writes report.md, its tables and its plots at its end. This command writes them after a stop or a
full disk, or after they were deleted; they are the same.
"""

from collections.abc import Sequence
from pathlib import Path

from kmlc.arguments import OneLineParser
from kmlc.commands.process import command, quiet_imports
from kmlc.lock import locked
from kmlc.program import program


def parser() -> OneLineParser:
    """Return the parser of the command's flags."""
    parser = OneLineParser(prog=program("report"), description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN", help="directory of a finished run")
    return parser


@command
def main(argv: Sequence[str]) -> None:
    """Parse, write the report, and say where it is."""
    options = parser().parse_args(argv)

    with quiet_imports():
        from kmlc.reports.report import write_report
        from kmlc.training.run_directory import check_finished, existing_run
        from kmlc.training.run_files import of_training

    run = existing_run(options.run)
    with locked(run.path):
        check_finished(run)
        with of_training(run):
            write_report(run)
    print(f"Report:  {run.report}")
