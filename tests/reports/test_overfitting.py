from pathlib import Path

import pytest
from PIL import Image

from kmlc.commands.compare import main as compare
from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.files import write_json
from kmlc.reports.overfitting import Fit, read_fit, write_comparison
from kmlc.settings import save_config
from kmlc.training.run_directory import RunDirectory


def make_run(path: Path, training: float | None, validation: float) -> Path:
    """Write the files of a run that the comparison reads."""
    path.mkdir()
    save_config(path / "config.yaml", Config(model="hybrid"))
    metrics = {"validation": {"hamming_loss": 1 - validation, "micro_f1": 0.5}}
    if training is not None:
        metrics["training"] = {"hamming_loss": 1 - training}
    write_json(path / "metrics.json", metrics)
    RunDirectory(path).start()
    RunDirectory(path).finish()
    return path


def test_the_gap_is_training_minus_validation_accuracy(tmp_path: Path) -> None:
    fit = read_fit(make_run(tmp_path / "large", 0.98, 0.70))
    assert fit == Fit(tmp_path.resolve() / "large", "hybrid", 0.98, 0.70)
    assert fit.gap == pytest.approx(0.28)


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """The table and the plot showed the last folder alone, the same for both."""
    fits = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        fits.append(read_fit(make_run(tmp_path / folder / "large", 0.98, 0.70)))
    table = write_comparison(fits, tmp_path)
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == ["`one/large`", "`two/large`"]
    assert "`large`" in write_comparison([fits[0], fits[0]], tmp_path)


@pytest.mark.parametrize(
    ("training", "validation", "within"),
    [(0.9199, 0.85, True), (0.92, 0.85, False), (0.9, 0.8499, False), (0.98, 0.7, False)],
)
def test_a_run_is_within_system_5s_bounds(training: float, validation: float, within: bool) -> None:
    assert Fit(Path("run"), "model", training, validation).is_within_bounds is within


def test_the_command_writes_table_and_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    large = make_run(tmp_path / "large", 0.9871, 0.7126)
    small = make_run(tmp_path / "small", 0.8860, 0.8727)
    assert compare([str(large), str(small)]) == 0
    table = (
        "| run | model | training | validation | gap | training < 92%, validation ≥ 85% |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: |\n"
        "| `large` | hybrid | 98.71% | 71.26% | 27.45 points | outside |\n"
        "| `small` | hybrid | 88.60% | 87.27% | 1.33 points | within |\n"
    )
    assert capsys.readouterr().out.startswith(table)
    assert table in (small / "overfitting.md").read_text(encoding="utf-8")
    with Image.open(small / "overfitting.png") as image:
        assert image.format == "PNG"
    assert not (large / "overfitting.md").exists()

    assert compare([str(large), "--out", str(tmp_path / "new" / "folder")]) == 0
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == [
        "overfitting.md",
        "overfitting.png",
    ]


def test_runs_without_metrics_of_training_rows_are_refused(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", None, 0.87)
    with pytest.raises(
        UserError, match=r"run: not evaluated on training rows; train with --train\.evaluate_training"
    ):
        read_fit(path)


def test_unfinished_runs_are_refused(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", 0.9, 0.87)
    RunDirectory(path).start()
    with pytest.raises(UserError, match=r"this run is not finished; continue it \(kmlc train --resume"):
        read_fit(path)
    with pytest.raises(UserError, match="not a run directory"):
        read_fit(tmp_path)
