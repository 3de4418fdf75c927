"""Predict the rows of a table, or one image.

The table is that of a data folder, by default the run's own; every row is predicted once and in order.

    kmlc predict --out submission.csv                   # the newest finished run, its own data folder
    kmlc predict --run RUN --data DIR --out submission.csv --proba probabilities.csv
    kmlc predict --run RUN --run OTHER_RUN              # the mean of several runs
    kmlc predict --image photo.jpg --caption "A man rides a bike."
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from kmlc.arguments import OneLineParser, output_file
from kmlc.commands.process import command, quiet_imports
from kmlc.errors import UserError
from kmlc.program import program


def parser() -> OneLineParser:
    """Return the parser of the command's flags."""
    parser = OneLineParser(
        prog=program("predict"), usage="%(prog)s [options]", description=__doc__.partition("\n")[0]
    )
    add = parser.add_argument
    add(
        "--run",
        action="append",
        metavar="DIR",
        help="run directory; repeat to average several; default: the newest finished run",
    )
    add("--data", metavar="DIR", help="data folder; default: the one that the run was trained on")
    add("--out", type=output_file, metavar="FILE", help="submission; default: submission.csv in the run")
    add("--proba", type=output_file, metavar="FILE", help="also write the probabilities, a column per label")
    add("--image", type=Path, metavar="FILE", help="predict this image instead of a table")
    add("--caption", help="caption of that image, or a caption alone")
    add(
        "--tta",
        type=Literal["none", "flip", "crops"],
        default="none",
        help="test-time augmentation: average over flipped or cropped views",
    )
    add(
        "--images.anywhere",
        type=bool | None,
        metavar="BOOL",
        help="also read images outside the image folder; default: as the run was trained",
    )
    add("--without", type=Literal["images", "captions"], help="ignore all images, or all captions")
    return parser


@command
def main(argv: Sequence[str]) -> None:
    """Parse, load the runs, predict, and say what to type next."""
    options = parser().parse_args(argv)
    one = options.image is not None or options.caption is not None
    for name in ("data", "out", "proba", "without"):
        if one and options[name] is not None:
            raise UserError(f"--{name}: goes with a table; got --image or --caption as well")

    with quiet_imports():
        from kmlc.prediction.predictor import load_predictor
        from kmlc.prediction.single_row import predict_one
        from kmlc.prediction.submission import predict_table
        from kmlc.training.run_directory import RunDirectory

    predictor = load_predictor([Path(run) for run in options.run or []], options.tta)
    if options.run is None:
        print(f"The newest finished run is {predictor.name}")
    if one:
        predict_one(predictor, options.image, options.caption)
    else:
        out = options.out or RunDirectory(predictor.paths[0]).submission
        predict_table(
            predictor, options.data, out, options.proba, options.without, options["images.anywhere"]
        )
