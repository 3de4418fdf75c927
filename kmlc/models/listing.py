"""The table of models that `train.py --models` prints; no model is built, so it prints immediately."""

import csv
from pathlib import Path

from kmlc.config import IMAGE_SIZE
from kmlc.program import command_line
from kmlc.settings import CONFIGS, layered, model_names

TABLE = Path(__file__).with_name("parameters.csv")
"""The parameters of each model's tower: a test builds every model and compares."""


def list_models() -> None:
    """Print a line for each model: parameters of its tower, size of its images, captions, what it is."""
    parameters = read_parameters()
    print(f"{'model':<24}{'tower':<16}{'parameters':>12}{'images':>9}  {'captions':<10}")
    for name in model_names():
        config = layered([CONFIGS / f"{name}.yaml"])
        size = IMAGE_SIZE if config.images.size == "auto" else config.images.size
        images = f"{size} px" if config.tower.input == "image" else "-"
        print(
            f"{name:<24}{config.tower.name:<16}{parameters[name]:>12,}{images:>9}"
            f"  {config.captions.encoder:<10}{_title(name)}"
        )
    print("\nParameters are those of the image tower, without captions and head.")
    print(f"Train one: {command_line('train', '--model', 'NAME')}")
    print(f"With an image backbone of KerasHub: {command_line('train', '--tower.preset', 'PRESET')}")


def read_parameters() -> dict[str, int]:
    """Return the parameters of each model's tower, the statistics of batch normalisation included."""
    with TABLE.open(encoding="utf-8", newline="") as stream:
        return {row["model"]: int(row["parameters"]) for row in csv.DictReader(stream)}


def _title(name: str) -> str:
    """Return the first line of a model's settings file, which says what it is."""
    return (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
