"""Compare how far runs overfit (system 5).

The metrics are label accuracy on the training and on the validation rows.

    kmlc compare RUN RUN            # the table; overfitting.md and .png in the last RUN
    kmlc compare RUN RUN --out DIR  # the files in DIR instead
"""

from collections.abc import Sequence
from pathlib import Path

from kmlc.arguments import OneLineParser
from kmlc.commands.process import command, quiet_imports
from kmlc.program import program


def parser() -> OneLineParser:
    """Return the parser of the command's arguments."""
    parser = OneLineParser(prog=program("compare"), description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", metavar="RUN", help="directory of a finished run")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the files; default: the last RUN")
    return parser


@command
def main(argv: Sequence[str]) -> None:
    """Parse, compare, and say where the files are."""
    options = parser().parse_args(argv)

    with quiet_imports():
        from kmlc.reports.overfitting import read_fit, write_comparison

    runs = [Path(run) for run in options.runs]
    folder = options.out or runs[-1]
    print(write_comparison([read_fit(run) for run in runs], folder))
    print(f"\nTable:  {folder / 'overfitting.md'}\nPlot:   {folder / 'overfitting.png'}")
