"""Report on the captions of a data folder.

    kmlc captions                                      # the built-in sample
    kmlc captions --data my_folder --out my_report

It is system 2's caption analysis. The plots, their numbers as CSV and a page that shows both (captions.md)
go into the folder that `--out` names; images are not read.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kmlc.commands.process import command, quiet_imports
from kmlc.config import Config, TowerConfig
from kmlc.errors import UserError
from kmlc.program import program
from kmlc.setting_flags import SettingsParser
from kmlc.settings import layered

_USED = ("data", "seed", "table", "labels")
"""Settings, and groups of them, that the report depends on."""


def parser() -> SettingsParser:
    """Return the parser of the command's flags."""
    parser = SettingsParser(
        skip=[field.name for field in dataclasses.fields(Config) if field.name not in _USED],
        prog=program("captions"),
        description=__doc__.partition("\n")[0],
    )
    parser.add_argument(
        "--out", type=Path, default=Path("captions-report"), metavar="DIR", help="folder of the report"
    )
    return parser


@command
def main(argv: Sequence[str]) -> None:
    """Parse, read the table, write the report, and say where it is."""
    options, given = parser().split(argv)
    if options.out.exists() and not options.out.is_dir():
        raise UserError(f"--out: expected a folder; got the file {options.out}")
    config = replace(layered([], given), tower=TowerConfig(name="none"))

    with quiet_imports():
        from kmlc.reports.captions import write_caption_report
        from kmlc.tasks.rows import read_labelled

    data = read_labelled(config)
    print(data.report.summary())
    write_caption_report(data, config, options.out)
    print(f"\nReport:  {options.out / 'captions.md'}")
