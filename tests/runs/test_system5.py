"""System 5 on the built-in feature vectors: the network that overfits, and the one that does not."""

from pathlib import Path

import numpy as np
import pytest

from kmlc.files import read_json
from kmlc.reports.overfitting import Fit, read_fit, write_comparison
from kmlc.sample.overfitting import overfitting_rows
from kmlc.settings import config_from_flags
from kmlc.training.run_directory import RunDirectory
from kmlc.training.train import train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fit]:
    folder = tmp_path_factory.mktemp("system5")
    found = {}
    for model in ("mlp_overfit", "mlp"):
        run = train(config_from_flags([f"--model={model}", f"--run={folder / model}"]))
        assert_accuracy(run)
        found[model] = read_fit(run.path)
    return found


def assert_accuracy(run: RunDirectory) -> None:
    """Count the right labels anew from the logits, against the built-in rows."""
    labels, split, fit = overfitting_rows()[1], read_json(run.split), read_fit(run.path)
    with np.load(run.logits, allow_pickle=False) as saved:
        for name, accuracy in (("training", fit.training), ("validation", fit.validation)):
            rows = [int(row) for row in split[name]]
            assert accuracy == pytest.approx(((saved[f"{name}_logits"] >= 0) == labels[rows]).mean())


def test_the_large_network_overfits(fits: dict[str, Fit]) -> None:
    fit = fits["mlp_overfit"]
    assert fit.training >= 0.96
    assert 0.66 <= fit.validation <= 0.75
    assert not fit.is_within_bounds


def test_the_published_network_is_within_the_bounds(fits: dict[str, Fit]) -> None:
    fit = fits["mlp"]
    assert fit.training < 0.92
    assert fit.validation >= 0.85
    assert fit.is_within_bounds


def test_the_comparison_has_a_row_for_each_network(fits: dict[str, Fit], tmp_path: Path) -> None:
    header, _, large, small = write_comparison(list(fits.values()), tmp_path).splitlines()
    assert header == "| run | model | training | validation | gap | training < 92%, validation ≥ 85% |"
    for line, (name, fit), verdict in zip((large, small), fits.items(), ("outside", "within"), strict=True):
        shares = f"{100 * fit.training:.2f}% | {100 * fit.validation:.2f}%"
        gap = f"{100 * (fit.training - fit.validation):.2f} points"
        assert line == f"| `{name}` | {name} | {shares} | {gap} | {verdict} |"
