"""Train a model and fit its thresholds.

It leaves a run directory in runs/.

    kmlc train --model hybrid                      # on the built-in sample
    kmlc train --model hybrid --data DIR           # on your own tables and images
    kmlc train --resume                            # continue the newest unfinished run
    kmlc train --models                            # every model
    kmlc train --help                              # every setting
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from kmlc.commands.process import command, quiet_imports
from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.program import command_line, program, quoted
from kmlc.setting_flags import SettingsParser
from kmlc.settings import model_config, model_names
from kmlc.yaml_files import yaml_text


def parser() -> SettingsParser:
    """Return the parser of the command's flags."""
    parser = SettingsParser(
        prog=program("train"),
        description="Train a model, fit its thresholds, and leave a run directory. "
        f"Models: {', '.join(model_names())}.",
    )
    add_config_file(parser)
    add = parser.add_argument
    add("--resume", nargs="?", const="newest", metavar="RUN", help="resume RUN, or the newest unfinished run")
    add("--models", action="store_true", help="list the models with their sizes and exit")
    add("--print_config", action="store_true", help="print the resolved settings and exit")
    return parser


def add_config_file(parser: SettingsParser) -> None:
    """Add the flag for files of settings."""
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE",
        help="YAML file of settings, over the model's and under flags; may be repeated, later files win",
    )


def read_config(options: Namespace, given: Mapping[str, Any]) -> Config:
    """Return the settings that a command with `--model`, `--config` and settings was given."""
    return model_config([Path(file) for file in options.config], given)


def parse(argv: Sequence[str]) -> tuple[Namespace, Config]:
    """Return the command's own flags, and the resolved settings.

    Raises:
        UserError: for an unknown flag or key, a value out of its range, or a file that is not there.

    Example:
        options, config = parse(["--model", "hybrid", "--train.batch_size", "30"])
    """
    options, given = parser().split(argv)
    if options.resume and (given or options.config):
        raise UserError("--resume: expected no other flags, a resumed run keeps its settings; got more")
    return options, read_config(options, given)


@command
def main(argv: Sequence[str]) -> None:
    """Parse, train, report, and say what to type next."""
    options, config = parse(argv)
    if options.models:
        from kmlc.models.listing import list_models

        list_models()
        return
    if options.print_config:
        print(yaml_text(dataclasses.asdict(config)), end="")
        return

    with quiet_imports():
        from kmlc.reports.report import write_report
        from kmlc.training.train import train

    resume = options.resume if options.resume in (None, "newest") else Path(options.resume)
    run = train(config, resume)
    try:
        write_report(run)
    except (KeyboardInterrupt, UserError, OSError):
        print(f"\nThe run is finished, its report is not. To write it:\n  {command_line('report', run.path)}")
        raise
    print(f"\nReport:       {run.path / 'report.md'}")
    print(f"Predict:      {command_line('predict', '--run', run.path, '--out', 'submission.csv')}")
    print(f"TensorBoard:  tensorboard --logdir {quoted(run.path / 'tensorboard')}")
    if resume is None and _is_plain_hybrid(config):
        data = [] if config.data is None else ["--data", config.data]
        print(f"To compare:   {command_line('train', '--model', 'quick', *data)}  (pretrained; minutes)")


def _is_plain_hybrid(config: Config) -> bool:
    """Return whether nothing but data and run was given: other settings would have to be repeated."""
    if config.model != "hybrid":
        return False
    plain = model_config([], {"model": "hybrid"})
    return config == dataclasses.replace(plain, data=config.data, run=config.run)
