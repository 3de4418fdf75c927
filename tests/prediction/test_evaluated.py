"""The rows that runs of one epoch are evaluated on."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.files import read_json, write_text
from kmlc.prediction.evaluated import evaluation_data, paired_data
from kmlc.settings import config_from_flags, load_config
from kmlc.tasks.rows import training_columns
from kmlc.training.run_directory import RunDirectory, existing_run
from kmlc.training.train import train
from tests.helpers import make_data


@pytest.fixture
def both(runs: Path) -> RunDirectory:
    return existing_run(runs / "both")


@pytest.fixture
def words(runs: Path) -> RunDirectory:
    return existing_run(runs / "words")


def test_metrics_of_a_split_are_those_of_the_run(both: RunDirectory) -> None:
    found = evaluation_data(both, "validation", None)
    assert found.rows.metrics == read_json(both.metrics)["validation"]
    assert found.rows.ids.tolist() == read_json(both.split)["validation"]
    assert evaluation_data(both, None, None).source == f"the validation rows of {both.path}"
    assert found.notes == [
        "thresholds and the best epoch were chosen on these rows: the metrics are optimistic"
    ]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("test", "--split test: expected one that .*both has, validation$"),
        ("training", "has, validation; --train.evaluate_training true keeps those of training$"),
    ],
)
def test_a_split_that_the_run_has_not_is_one_line(split: str, message: str, both: RunDirectory) -> None:
    with pytest.raises(UserError, match=message):
        evaluation_data(both, split, None)


def test_test_rows_with_labels_come_first(
    both: RunDirectory, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluation_data(both, None, str(data))
    assert found.rows.ids.tolist() == [f"{number}.jpg" for number in range(40, 47)]
    assert found.source == str(data / "test.csv")
    assert found.notes == []
    truth = pd.read_csv(data / "test_labels.csv", dtype=str)["Labels"].tolist()
    vocabulary = found.rows.task.vocabulary
    assert [set(vocabulary.decode(row).split()) for row in found.rows.labels] == [
        set(cell.split()) for cell in truth
    ]
    assert "Predicting 7 rows with" in capsys.readouterr().out


def copy_without_test(data: Path, folder: Path) -> Path:
    shutil.copytree(data, folder)
    (folder / "test_labels.csv").unlink()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["both", "words"])
def test_rows_that_were_trained_on_are_excluded(name: str, runs: Path, data: Path, tmp_path: Path) -> None:
    run, folder = existing_run(runs / name), copy_without_test(data, tmp_path / "folder")
    split = read_json(run.split)
    found = evaluation_data(run, None, str(folder))
    assert sorted(found.rows.ids.tolist()) == sorted(split["validation"])
    training, validation = len(split["training"]), len(split["validation"])
    assert found.notes == [
        f"rows that the run was trained on: {training}, excluded (--trained-on keeps them)",
        f"validation rows of the run, which chose its thresholds and best epoch: {validation}",
    ]
    # In float32 a row's logits depend a little on the rows of its batch.
    saved = evaluation_data(run, "validation", None).rows
    places = [saved.ids.tolist().index(each) for each in found.rows.ids.tolist()]
    np.testing.assert_allclose(found.rows.logits, saved.logits[places], atol=1e-5)
    every = evaluation_data(run, None, str(folder), trained_on=True)
    assert len(every.rows) == 40
    assert f"rows that the run was trained on: {training}, kept: the metrics are too good" in every.notes


@pytest.mark.slow
def test_rows_are_known_by_their_images_not_by_their_names(
    both: RunDirectory, data: Path, tmp_path: Path
) -> None:
    folder = copy_without_test(data, tmp_path / "renamed")
    header, *rows = (folder / "train.csv").read_text().splitlines()
    for name in (row.partition(",")[0] for row in rows):
        (folder / "data" / name).rename(folder / "data" / f"new-{name}")
    write_text(folder / "train.csv", "\n".join([header, *(f"new-{row}" for row in rows)]))
    found = evaluation_data(both, None, str(folder))
    assert len(found.rows) == len(read_json(both.split)["validation"])
    # Other images under the names of the run's rows.
    others = evaluation_data(both, None, str(make_data(tmp_path / "others", rows=2, test_rows=9, seed=5)))
    assert (len(others.rows), others.notes) == (9, [])


def test_without_a_row_that_is_new_there_is_nothing_to_evaluate(
    both: RunDirectory, data: Path, tmp_path: Path
) -> None:
    folder = copy_without_test(data, tmp_path / "folder")
    names = read_json(both.split)["training"][:3]
    write_text(folder / "train.csv", "ImageID,Labels\n" + "".join(f"{name},1\n" for name in names))
    with pytest.raises(
        UserError, match=r"train\.csv: expected rows that .*both was not trained on; got none"
    ):
        evaluation_data(both, None, str(folder))


def test_labels_that_the_run_does_not_know_count_as_missed(words: RunDirectory, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(
        "ImageID,Labels,Caption,source\na.jpg,1 99,A person,web\nb.jpg,3,A car,web\nb.jpg,1,A car,print\n"
        "c.jpg,,A dog,\n"
    )
    found = evaluation_data(words, None, str(tmp_path), columns=["source"])
    assert found.rows.ids.tolist() == ["a.jpg", "b.jpg", "c.jpg"]
    assert found.rows.labels.sum(axis=1).tolist() == [2, 1, 0]
    assert found.notes == [
        "labels that are unknown to the run and count as missed: 1 (first: 99)",
        "rows of a repeated image name, the first of which is used: 1",
    ]
    assert [(each.by, each.value, each.rows.tolist()) for each in found.slices] == [
        ("labels", "0", [2]),
        ("labels", "1", [1]),
        ("labels", "2", [0]),
        ("source", "web", [0, 1]),
        ("source", "(empty)", [2]),
    ]


def test_rows_without_captions_and_images_are_slices(both: RunDirectory, data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "data", tmp_path / "data")
    (tmp_path / "train.csv").write_text(
        "ImageID,Labels,Caption\n40.jpg,1,A person\ngone.jpg,1,A person\n41.jpg,1,\n"
    )
    found = evaluation_data(both, None, str(tmp_path))
    assert [(each.by, each.value, each.rows.tolist()) for each in found.slices] == [
        *(("caption", "without", [2]), ("caption", "with", [0, 1])),
        *(("image", "without", [1]), ("image", "with", [0, 2])),
    ]


def test_unknown_labels_of_excluded_rows_alone_do_not_count(words: RunDirectory, tmp_path: Path) -> None:
    """The labels of an excluded row stayed classes that no row has, and lowered the macro-F1."""
    trained = read_json(words.split)["training"][0]
    (caption,) = training_columns(load_config(words.config), [trained])["Caption"].tolist()
    rows = [(trained, "1 99 98", caption), ("a.jpg", "1 98", "A dog"), ("b.jpg", "3", "A car")]
    pd.DataFrame(rows, columns=["ImageID", "Labels", "Caption"]).to_csv(tmp_path / "train.csv", index=False)
    found = evaluation_data(words, None, str(tmp_path))
    assert found.rows.labels.tolist() == [[1, 0, 0, 1], [0, 1, 0, 0]]
    assert found.notes == [
        "labels that are unknown to the run and count as missed: 1 (first: 98)",
        "rows that the run was trained on: 1, excluded (--trained-on keeps them)",
    ]


@pytest.mark.parametrize("labels", ["8", ""])
def test_data_without_known_labels_is_one_line(labels: str, words: RunDirectory, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(f"ImageID,Labels,Caption\na.jpg,{labels},A person\n")
    with pytest.raises(
        UserError, match=r"train\.csv: expected rows with labels; no label is known to the run"
    ):
        evaluation_data(words, None, str(tmp_path))


def test_a_column_that_is_not_there_is_one_line(both: RunDirectory, data: Path) -> None:
    for source in (None, str(data)):
        with pytest.raises(
            UserError, match=r"^--slice where: expected a column .*there are ImageID, .*Caption$"
        ):
            evaluation_data(both, None, source, columns=["where"])


def test_without_its_data_a_run_has_no_slices_by_caption(
    runs: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*arguments: object) -> None:
        raise UserError("folder: no such folder")

    run = existing_run(runs / "words")
    monkeypatch.setattr("kmlc.prediction.evaluated.training_columns", gone)
    found = evaluation_data(run, None, None)
    assert found.notes[-1] == "no slices by caption: folder: no such folder"
    assert {each.by for each in found.slices} == {"labels"}
    with pytest.raises(UserError, match="folder: no such folder"):
        evaluation_data(run, None, None, columns=["Caption"])


def test_a_run_without_captions_has_no_note_of_their_slices(
    both: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told that it has no slices by caption, which it would not have with its data either."""

    def gone(*arguments: object) -> None:
        raise UserError("folder: no such folder")

    def of_images(path: Path) -> Config:
        config = load_config(path)
        return replace(config, captions=replace(config.captions, encoder="none"))

    monkeypatch.setattr("kmlc.prediction.evaluated.training_columns", gone)
    monkeypatch.setattr("kmlc.prediction.evaluated.load_config", of_images)
    assert [note for note in evaluation_data(both, None, None).notes if "caption" in note] == []


@pytest.mark.slow
def test_feature_vectors_are_known_by_their_numbers(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "rows.npz"
    labels = (rng.random((40, 2)) < 0.5).astype(np.uint8)
    vectors = (labels + rng.normal(0, 0.1, labels.shape)).astype(np.float32)
    np.savez(path, X=vectors, y=labels)
    run = train(
        config_from_flags(["--model=mlp", f"--data={path}", f"--run={tmp_path / 'run'}", "--epochs=1"])
    )
    new = rng.normal(0, 1, (5, 2)).astype(np.float32)
    mixed = np.concatenate([new, vectors])
    np.savez(
        tmp_path / "more.npz", X=mixed, y=np.ones((45, 2), np.uint8), ids=[f"r{row}" for row in range(45)]
    )
    found = evaluation_data(run, None, str(tmp_path / "more.npz"))
    validation = sorted(map(int, read_json(run.split)["validation"]))
    assert found.rows.ids.tolist() == [f"r{row}" for row in [*range(5), *(each + 5 for each in validation)]]
    assert found.slices == []
    with pytest.raises(
        UserError, match="--slice a: expected a column of the rows; there are none, as feature"
    ):
        evaluation_data(run, None, None, columns=["a"])


def test_two_runs_are_compared_on_the_rows_of_both(runs: Path) -> None:
    one, other = existing_run(runs / "both"), existing_run(runs / "elsewhere")
    data, others = paired_data(one, other, None, None)
    common = set(read_json(one.split)["validation"]) & set(read_json(other.split)["validation"])
    assert set(data.rows.ids.tolist()) == set(others.ids.tolist()) == common
    assert data.rows.ids.tolist() == others.ids.tolist()
    np.testing.assert_array_equal(data.rows.labels, others.labels)
    alone = len(read_json(one.split)["validation"]) - len(common)
    assert data.notes == [
        "thresholds and the best epoch were chosen on these rows: the metrics are optimistic",
        f"not compared, as only one run has them: {alone} rows of A, {alone} of B",
    ]
