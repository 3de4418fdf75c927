"""What commands cost before they do any work, in seconds of processor, beside `import tensorflow`.

    python -m benchmarks.start
    python -m benchmarks.start --model mlp --model hybrid --repeats 5

`train` is from the command to the end of the first step of the fit, `predict` is `predict --image` to its
exit. Every process is a new one; files are in the operating system's cache, as a first round that is not
counted leaves them. Rounds alternate; the numbers are medians.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from PIL import Image

from benchmarks.whole_command import run_python
from kmlc.arguments import OneLineParser
from kmlc.commands.process import command

FIRST_STEP = """
import os, sys
from kmlc.commands.process import quiet_imports
from kmlc.commands.train import parse

config = parse(sys.argv[1:])[1]
with quiet_imports():
    import keras
    from kmlc.reports.report import write_report
    from kmlc.training.train import train

class Exit(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        os._exit(0)

train(config, callbacks=[Exit()])
"""
"""`kmlc train` with an end after its first step."""


@command
def main(argv: Sequence[str]) -> None:
    """Print the seconds of each command and their ratio to those of `import tensorflow`."""
    parser = OneLineParser(description="Seconds of processor before the first step.")
    parser.add_argument("--model", action="append", help="a model; mlp and hybrid without it")
    parser.add_argument("--repeats", type=int, default=5, help="rounds")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        commands = {"import tensorflow": ["-c", "import tensorflow"]}
        for model in arguments.model or ["mlp", "hybrid"]:
            run = Path(folder, model)
            short = ["--model", model, "--train.epochs", "1", "--images.size", "64"]
            run_python(["-m", "kmlc", "train", *short, "--run", str(run)], folder)
            commands[f"train {model}"] = ["-c", FIRST_STEP, *short]
            if model != "mlp":
                Image.new("RGB", (320, 240), "red").save(Path(folder, "image.jpg"))
                words = ["--image", str(Path(folder, "image.jpg")), "--caption", "A red bus."]
                commands[f"predict {model}"] = ["-m", "kmlc", "predict", "--run", str(run), *words]
        rounds = [
            [run_python(each, folder).processor for each in commands.values()]
            for _ in range(arguments.repeats + 1)
        ]
    medians = [median(each) for each in zip(*rounds[1:], strict=True)]
    print(f"seconds of processor, median of {arguments.repeats}")
    for name, value in zip(commands, medians, strict=True):
        print(f"{name:<20}{value:>7.2f}{value / medians[0]:>7.2f}")


if __name__ == "__main__":
    raise SystemExit(main())
