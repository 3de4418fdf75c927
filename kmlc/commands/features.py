"""Turn images into feature vectors for --model mlp.

    kmlc features --model mobilenetv2 --tower.weights imagenet --data DIR --out rows.npz
    kmlc train --model mlp --data rows.npz

The image tower is frozen; the rows are those that training would use.
"""

from collections.abc import Sequence
from pathlib import Path

from kmlc.arguments import output_file
from kmlc.commands.process import command, quiet_imports
from kmlc.commands.train import add_config_file, read_config
from kmlc.markdown import counted
from kmlc.program import command_line, program
from kmlc.setting_flags import SettingsParser


def parser() -> SettingsParser:
    """Return the parser of the command's flags."""
    parser = SettingsParser(
        prog=program("features"),
        description=__doc__.partition("\n")[0],
    )
    parser.add_argument(
        "--out", type=output_file, default=Path("features.npz"), metavar="FILE", help="the vectors"
    )
    add_config_file(parser)
    return parser


@command
def main(argv: Sequence[str]) -> None:
    """Parse, read, compute, write, and say what to type next."""
    options, given = parser().split(argv)
    config = read_config(options, given)

    with quiet_imports():
        from kmlc.data.readers.npz import write_features
        from kmlc.prediction.extract import extract_features
        from kmlc.training.outputs import check_output

    check_output(options.out, [config], [Path(file) for file in options.config])
    rows = extract_features(config)
    write_features(options.out, rows)
    count, width = rows.features.shape
    print(f"{options.out}: {counted(count, 'row')} of {counted(width, 'feature')}")
    print(f"Train:  {command_line('train', '--model', 'mlp', '--data', options.out)}")
