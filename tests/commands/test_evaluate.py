"""The evaluate command on runs of one epoch."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from kmlc.commands.evaluate import main
from kmlc.files import read_json, write_json
from kmlc.lock import locked
from kmlc.training.run_directory import RunDirectory

FEW = "--resamples=50"


@pytest.fixture
def run(runs: Path, tmp_path: Path) -> RunDirectory:
    shutil.copytree(runs / "both", tmp_path / "run")
    return RunDirectory(tmp_path / "run")


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_evaluation_goes_into_the_run(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    assert main([str(run.path), FEW]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.partition("\n\nmetrics")[2].splitlines()[:-1])) <= 100
    assert shown.endswith(
        f"\nTables:  {run.path}/evaluation/evaluation.md, with evaluation.json and evaluation.csv\n"
    )
    saved = read_json(run.path / "evaluation" / "evaluation.json")
    expected = read_json(run.metrics)["validation"]
    assert {name: each["value"] for name, each in saved["metrics"].items()} == expected
    assert (saved["resamples"], saved["seed"], saved["confidence"]) == (50, 42, 0.95)
    table = pd.read_csv(
        run.path / "evaluation" / "evaluation.csv", dtype={"class": str}, keep_default_na=False
    )
    assert list(table.columns) == ["what", "slice", "class", "metric", "value", "low", "high", "rows"]
    assert set(table["what"]) == {"metric", "class", "slice"}
    assert all(path.read_bytes() == content for path, content in before.items() if path.name != ".lock")

    first = contents(run.path / "evaluation")
    assert set(first) == {"evaluation.json", "evaluation.csv", "evaluation.md"}
    assert main([str(run.path), FEW]) == 0
    assert contents(run.path / "evaluation") == first


def test_two_runs_are_compared(run: RunDirectory, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(run.path), FEW, "--against", str(runs / "words")]) == 0
    shown = capsys.readouterr().out
    assert f"A is {run.path}, B is {runs / 'words'}\n" in shown
    folder = run.path / "evaluation-against-words"
    saved = read_json(folder / "evaluation.json")
    one, other = (read_json(each / "metrics.json")["validation"] for each in (run.path, runs / "words"))
    for name, each in saved["metrics"].items():
        assert (each["one"], each["other"]) == (one[name], other[name])
        assert each["difference"]["low"] <= each["difference"]["high"]
    assert [each["name"] for each in saved["labels"]] == ["1", "3", "18"]
    assert not (runs / "words" / "evaluation").exists()


def test_several_runs_have_an_evaluation_each(run: RunDirectory, runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "words", tmp_path / "words")
    assert main([str(run.path), str(tmp_path / "words"), FEW]) == 0
    assert {each.parent.parent.name for each in tmp_path.rglob("evaluation.md")} == {"run", "words"}


@pytest.mark.slow
def test_data_and_slices_and_another_folder(
    run: RunDirectory, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        str(run.path),
        FEW,
        "--data",
        str(data),
        "--slice",
        "ImageID",
        "--out",
        str(tmp_path / "new"),
    ]
    assert main(arguments) == 0
    assert "ImageID: 40.jpg" in capsys.readouterr().out
    assert read_json(tmp_path / "new" / "evaluation.json")["rows"] == 7
    assert not (run.path / "evaluation").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "test"], "--split test: expected one that {run} has, validation"),
        (["--split", "none"], "--split: expected one of test, validation, training; got none"),
        (["--split", "test", "--data", "x"], "--split: expected it without --data; got both"),
        (["--trained-on"], "--trained-on: goes with --data; got it without"),
        (["--slice", "x", "--against", "y"], "--slice: expected it without --against; got both"),
        (["{run}", "--out", "x"], "--out: expected one RUN; got 2, which would write into one folder"),
        (["--resamples", "0"], "--resamples: expected a whole number from 1 to 100000; got 0"),
        (["--resamples", "100001"], "--resamples: expected a whole number from 1 to 100000; got 100001"),
        (["--against", "nowhere"], "nowhere: not a run directory; expected one with a manifest.json"),
        (["--out", "{run}/best.weights.h5"], "{run}/best.weights.h5: expected a folder; got a file"),
        (["--out", "{run}/plots"], "{run}/plots: expected a file to write; got one of the run {run}"),
        (["--out", "{run}/no/such"], "{run}/no: no such folder to write such in"),
        (["--data", "nowhere"], "--data nowhere: no such folder"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(
    arguments: list[str], message: str, run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(run.path), *(each.format(run=run.path) for each in arguments)]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f"kmlc evaluate: error: {message.format(run=run.path)}")
    assert shown.err.count("\n") == 1
    assert not (run.path / "evaluation").exists()


def test_damaged_unfinished_and_busy_runs_are_one_line(
    run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked(run.path):
        assert main([str(run.path)]) == 2
    assert f"{run.path}: in use by process" in capsys.readouterr().err
    content = run.logits.read_bytes()
    run.logits.write_bytes(content[:100])
    assert main([str(run.path)]) == 2
    assert "logits.npz: changed since training wrote it" in capsys.readouterr().err
    run.finish()
    assert main([str(run.path)]) == 2
    assert "logits.npz: damaged" in capsys.readouterr().err
    run.logits.write_bytes(content)
    write_json(run.split, {"training": [], "validation": [], "test": []})
    run.finish()
    assert main([str(run.path)]) == 2
    assert "logits.npz: damaged; expected labels and logits of 0 validation rows" in capsys.readouterr().err
    run.start()
    assert main([str(run.path)]) == 2
    assert "this run is not finished" in capsys.readouterr().err
