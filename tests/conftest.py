"""Settings of the whole suite, and the fixtures that several packages use."""

import os
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as kmlc does, where TensorFlow is imported after it

from pathlib import Path

import pytest
from hypothesis import settings

from tests.helpers import TINY, make_data

# A time limit would fail tests on a busy machine; CI tries the same examples each time.
settings.register_profile("kmlc", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("kmlc")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the folders with the longest tests first: two workers then end at about the same time."""
    items.sort(key=lambda item: item.path.parent.name not in ("training", "tuning"))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the manifest of images and the built-in samples out of the user's own cache."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share it: each sample is drawn once
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of 40 + 7 rows; tests only read it."""
    return make_data(tmp_path_factory.mktemp("data") / "folder")


@pytest.fixture(scope="session")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three finished runs, one epoch each; tests only read them.

    `both` takes images and captions, `words` captions alone; they validate on the same rows, `elsewhere`,
    like `both` but for its seed, on others.
    """
    from kmlc.settings import config_from_flags
    from kmlc.training.train import train

    folder = tmp_path_factory.mktemp("runs")
    settings = ["--captions.encoder=bigram", "--thresholds.method=curve", "--split.method=random"]
    for name, own in {
        "both": ["--tower.name=simple_cnn"],
        "words": ["--tower.name=none", "--train.learning_rate=0.01"],
        "elsewhere": ["--tower.name=simple_cnn", "--seed=7"],
    }.items():
        flags = [*TINY, *settings, *own, f"--data={data}", f"--run={folder / name}", "--train.epochs=1"]
        flags.append("--train.precision=float32")  # tests compare their logits with references
        train(config_from_flags(flags))
    return folder
