"""The report of a finished run, written again."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from kmlc.commands.report import main
from kmlc.commands.train import main as train
from kmlc.errors import UserError
from kmlc.files import read_json, write_json
from kmlc.lock import locked
from kmlc.reports import augmentation, report
from kmlc.training.manifest import NAME
from kmlc.training.run_directory import RunDirectory

WRITTEN = ["report.md", "per_class.csv", *(f"plots/{name}.png" for name in ("augmentation", "per_class_f1"))]


@pytest.fixture
def run(runs: Path, tmp_path: Path) -> RunDirectory:
    """A finished run whose report was lost."""
    shutil.copytree(runs / "both", tmp_path / "run")
    return RunDirectory(tmp_path / "run")


def contents(run: RunDirectory) -> dict[str, bytes]:
    files = [run.report, run.path / "per_class.csv", *run.plots.iterdir()]
    return {file.name: file.read_bytes() for file in files}


def test_a_lost_report_is_written_again_equal(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    """A stop while the report was written lost it for ever."""
    assert main([str(run.path)]) == 0
    first = contents(run)
    assert set(WRITTEN) <= {str(file.relative_to(run.path)) for file in run.path.rglob("*")}
    assert capsys.readouterr().out == f"Report:  {run.report}\n"
    shutil.rmtree(run.plots)
    run.report.unlink()
    assert main([str(run.path)]) == 0
    assert contents(run) == first


def test_images_that_no_longer_exist_keep_their_plot(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*arguments: object) -> None:
        raise UserError("data: no such folder")

    assert main([str(run.path)]) == 0
    first = contents(run)
    monkeypatch.setattr(augmentation, "training_images", gone)
    assert main([str(run.path)]) == 0
    assert contents(run) == first
    shutil.rmtree(run.plots)
    assert main([str(run.path)]) == 0
    assert "augmentation.png" not in contents(run)


@pytest.mark.parametrize("error", ["full", "stopped"])
def test_a_report_that_is_interrupted_says_how_to_write_it(
    error: str, run: RunDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk, or SIGTERM, in the middle of the report of train.py."""

    def interrupted(*arguments: object) -> None:
        if error == "full":
            raise OSError(28, "No space left on device")
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr("kmlc.training.train.train", lambda *arguments: run)
        patch.setattr(report, "save_plot", interrupted)
        assert train([]) == (2 if error == "full" else 130)
    command = f"kmlc report {run.path}"
    assert capsys.readouterr().out == (
        f"\nThe run is finished, its report is not. To write it:\n  {command}\n"
    )
    assert not run.report.exists()
    assert train(["--resume", str(run.path)]) == 2
    refused = capsys.readouterr().err
    assert f"this run is finished; there is nothing to continue; {command} writes its report\n" in refused
    assert main([str(run.path)]) == 0
    assert run.report.is_file()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run.start(), "this run is not finished; continue it (kmlc train --resume "),
        (lambda run: (run.path / NAME).unlink(), f"not a run directory; expected one with a {NAME}"),
    ],
)
def test_only_finished_runs_have_a_report(
    change: Callable[[RunDirectory], None],
    message: str,
    run: RunDirectory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change(run)
    assert main([str(run.path)]) == 2
    assert f"kmlc report: error: {run.path}: {message}" in capsys.readouterr().err


def test_a_run_in_use_is_not_reported(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    with locked(run.path):
        assert main([str(run.path)]) == 2
    assert f"{run.path}: in use by process" in capsys.readouterr().err


def test_labels_with_markup_keep_the_tables_whole(run: RunDirectory) -> None:
    """A bar in a label made a row of the report longer than its table; a `$` in one broke the plots."""
    name = r"a|b <i> $\x1$"
    labels = read_json(run.labels)
    labels["names"][0] = name
    write_json(run.labels, labels)
    run.finish()
    assert main([str(run.path)]) == 0
    lines = run.report.read_text().splitlines()
    (row,) = (line for line in lines if "a\\|b" in line)
    header = next(line for line in lines if line.startswith("| class"))
    assert r"a\|b \<i\> $\\x1$" in row
    assert row.replace(r"\|", "").count("|") == header.count("|")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("metrics.json", {"parameters": None}),
        ("metrics.json", {"details": None}),
        ("metrics.json", {"validation": []}),
        ("data_report.json", {"training": 3}),
        ("environment.json", {"packages": 1}),
    ],
)
def test_a_run_whose_hashes_are_right_and_whose_files_are_not_is_one_line(
    name: str, change: dict[str, object], run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of a stranger ended in a traceback."""
    path = run.path / name
    write_json(path, read_json(path) | change)
    run.finish()
    assert main([str(run.path)]) == 2
    message = capsys.readouterr().err
    assert f"{run.path}: damaged; expected files as training writes them (" in message
    assert message.count("\n") == 1
