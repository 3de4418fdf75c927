"""A tiny study, trainings that train nothing, and a Ray cluster on this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kmlc.tuning import trial as trial_module
from kmlc.tuning.grid_file import read_grid
from kmlc.tuning.study import StudyConfig
from tests.tuning.run_fakes import Trainings
from tests.tuning.tuning_fakes import TINY_GRID


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster on the loopback interface, with a head that has no processors."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # else it takes the machine's other address
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    made = cluster_utils.Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "node_ip_address": "127.0.0.1", "include_dashboard": False},
    )
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def config(data: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyConfig:
    path = tmp_path_factory.mktemp("grid") / "tiny.yaml"
    path.write_text(TINY_GRID)
    return StudyConfig(read_grid(str(path)), settings={"data": str(data)})


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Trainings:
    trainings = Trainings()
    monkeypatch.setattr(trial_module, "train", trainings)
    return trainings
