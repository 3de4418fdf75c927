"""The models there are: `python train.py --models`."""

from kmlc.config import Config
from kmlc.models.image import TOWERS
from kmlc.models.image.tower import image_tower
from kmlc.models.mlp import mlp
from kmlc.settings import CONFIGS, layered, model_names

FEATURES = 20
"""Width of the feature vectors that parameters are counted for."""


def list_models() -> None:
    """Print a line for each model: parameters of its tower, size of its images, captions, what it is."""
    print(f"{'model':<24}{'tower':<16}{'parameters':>12}{'images':>9}  {'captions':<10}")
    for name in model_names():
        config = layered([CONFIGS / f"{name}.yaml"], [])
        size = "-" if config.tower.input != "image" else f"{image_size(config)} px"
        print(
            f"{name:<24}{config.tower.name:<16}{tower_parameters(config):>12,}{size:>9}"
            f"  {config.captions.encoder:<10}{_title(name)}",
            flush=True,
        )
    print(
        "\nParameters are those of the image tower, less captions and head. Begin one: train.py --model NAME"
    )


def image_size(config: Config) -> int:
    """Return the size of a model's images where the settings leave it to the model."""
    return 224 if config.images.size == "auto" else config.images.size


def tower_parameters(config: Config) -> int:
    """Return the number of parameters of a model's tower, batch normalisation's statistics included."""
    if config.tower.input == "none":
        return 0
    if config.tower.input == "features":
        return mlp(FEATURES, config.tower).count_params()
    return image_tower(TOWERS[config.tower.name], image_size(config), config.tower).count_params()


def _title(name: str) -> str:
    """Return the first line of a model's settings file, which says what it is."""
    return (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
