"""The predict command, in this process, on runs of one epoch."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from kmlc.commands.predict import main
from kmlc.data.crop_flip import resize
from kmlc.data.images import decode
from kmlc.data.records import Records
from kmlc.prediction.predictor import predict_logits
from kmlc.tasks.rows import read_test
from kmlc.training.restore import TrainedRun, restore
from kmlc.training.run_directory import RunDirectory

LABELS = ["1", "3", "18"]
NAMES = [f"{number}.jpg" for number in range(40, 47)]


@pytest.fixture(scope="module")
def both(runs: Path) -> TrainedRun:
    return restore(RunDirectory(runs / "both"))


@pytest.fixture(scope="module")
def records(both: TrainedRun) -> Records:
    return read_test(both.config)[0]


def command(*arguments: object) -> None:
    assert main([str(each) for each in arguments]) == 0


def model_logits(
    trained: TrainedRun, images: np.ndarray, captions: list[str], has_image: bool = True
) -> np.ndarray:
    """Return the logits of the model for arrays, without the pipeline of prediction."""
    inputs = {"image": tf.constant(images)} | trained.encode(tf.constant(captions))
    inputs["image_present"] = tf.fill((len(images), 1), int(has_image))
    inputs["caption_present"] = tf.constant([[int(caption != "")] for caption in captions])
    return np.asarray(trained.model(inputs, training=False))


def image_batch(records: Records, mirrored: bool = False) -> np.ndarray:
    pixels = [decode(Path(str(path)).read_bytes()) for path in records.images]
    return np.stack([resize(image[:, ::-1] if mirrored else image, 16) for image in pixels])


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.astype(float)))


def read_probabilities(path: Path) -> np.ndarray:
    table = pd.read_csv(path)
    assert list(table.columns) == ["ImageID", *LABELS]
    assert table["ImageID"].tolist() == NAMES
    return table[LABELS].to_numpy()


def test_logits_are_those_of_the_model(both: TrainedRun, records: Records) -> None:
    expected = model_logits(both, image_batch(records), records.captions.tolist())
    np.testing.assert_allclose(predict_logits(both, records), expected, rtol=1e-4, atol=1e-5)


def test_flip_is_the_mean_of_the_image_and_its_mirror_image(both: TrainedRun, records: Records) -> None:
    views = [
        model_logits(both, image_batch(records, mirrored), records.captions.tolist())
        for mirrored in (False, True)
    ]
    assert np.abs(views[0] - views[1]).max() > 1e-4
    found = predict_logits(both, records, "flip")
    np.testing.assert_allclose(found, (views[0] + views[1]) / 2, rtol=1e-4, atol=1e-5)


def test_a_run_without_images_has_one_view(runs: Path, records: Records) -> None:
    words = restore(RunDirectory(runs / "words"))
    np.testing.assert_array_equal(predict_logits(words, records, "crops"), predict_logits(words, records))


def test_several_runs_are_the_mean_of_their_logits(runs: Path, records: Records, tmp_path: Path) -> None:
    logits = [
        predict_logits(restore(RunDirectory(runs / name)), records) for name in ("words", "both", "elsewhere")
    ]
    # The run of captions alone comes first: it must not keep the images from the others.
    order = ["--run", runs / "words", "--run", runs / "both", "--run", runs / "elsewhere"]
    command(*order, "--out", tmp_path / "s.csv", "--proba", tmp_path / "p.csv")
    found = read_probabilities(tmp_path / "p.csv")
    np.testing.assert_allclose(found, sigmoid(np.mean(logits, axis=0)), rtol=1e-5)


def test_without_captions_predicts_as_if_captions_were_missing(
    runs: Path, both: TrainedRun, records: Records, tmp_path: Path
) -> None:
    run = ["--run", runs / "both", "--out", tmp_path / "s.csv"]
    command(*run, "--proba", tmp_path / "p.csv", "--without", "captions")
    expected = model_logits(both, image_batch(records), [""] * len(records))
    np.testing.assert_allclose(read_probabilities(tmp_path / "p.csv"), sigmoid(expected), rtol=1e-4)


def test_without_images_predicts_as_if_images_were_missing(
    runs: Path, both: TrainedRun, records: Records, tmp_path: Path
) -> None:
    run = ["--run", runs / "both", "--out", tmp_path / "s.csv"]
    command(*run, "--proba", tmp_path / "p.csv", "--without", "images")
    expected = model_logits(both, image_batch(records), records.captions.tolist(), has_image=False)
    np.testing.assert_allclose(read_probabilities(tmp_path / "p.csv"), sigmoid(expected), rtol=1e-4)


def test_the_submission_goes_into_the_run_directory(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = runs / "elsewhere" / "submission.csv"
    assert not out.exists()
    try:
        command("--run", runs / "elsewhere")
        table = pd.read_csv(out, dtype=str, keep_default_na=False)
        assert f"{out}: 7 rows\n" in capsys.readouterr().out
    finally:
        out.unlink(missing_ok=True)
    assert list(table.columns) == ["ImageID", "Labels"]
    assert table["ImageID"].tolist() == NAMES


@pytest.mark.parametrize("tta", [[], ["--tta", "flip"]])
def test_one_image_is_predicted_as_in_a_table(
    runs: Path,
    data: Path,
    tta: list[str],
    records: Records,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    several = ["--run", runs / "words", "--run", runs / "both", *tta]
    files = [tmp_path / "s.csv", tmp_path / "p.csv"]
    command(*several, "--out", files[0], "--proba", files[1])
    capsys.readouterr()
    row = 3
    image = data / "data" / records.ids[row]
    command(*several, "--image", image, "--caption", records.captions[row])
    _, *scores, predicted = capsys.readouterr().out.splitlines()
    found = {line.split()[0]: float(line.split()[1]) for line in scores}
    expected = dict(zip(LABELS, read_probabilities(files[1])[row], strict=True))
    assert found == pytest.approx(expected, abs=6e-4)
    assert predicted == f"Labels: {pd.read_csv(files[0], dtype=str)['Labels'][row]}"


@pytest.mark.parametrize("flag", ["--data", "--out", "--proba", "--without"])
def test_flags_of_a_table_are_refused_for_one_image(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--caption", "a dog", flag, "captions"]) == 2
    assert f"{flag}: goes with a table; got --image or --caption as well" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("40.jpg,1\n41.jpg,3 99\n", "Against the labels of 2 of 7 test rows: micro F1 "),
        ("40.jpg,1\n41.jpg,3 99\n", "unknown to the run and count as missed: 1 (first: 99)"),
        ("40.jpg,dog\n", "Labels of the test rows: no label is known to the run (first: dog)\nNo score: "),
        ("0.jpg,1\n", "names 1 row, none of them in test.csv (first: 0.jpg)\nNo score: "),
    ],
)
def test_the_screen_says_what_a_score_covers(
    runs: Path, data: Path, tmp_path: Path, labels: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without labels of every row there was no score and no word; unknown labels were dropped."""
    folder = Path(shutil.copytree(data, tmp_path / "folder"))
    (folder / "test_labels.csv").write_text(f"ImageID,Labels\n{labels}")
    command("--run", runs / "words", "--data", folder, "--out", tmp_path / "s.csv")
    assert expected in capsys.readouterr().out


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ("ImageID,Label\n40.jpg,1\n", "no column 'Labels' (table.label_column names it); its columns are "),
        ("", "the file is empty"),
        (None, "expected a CSV file; it is none"),
    ],
)
def test_labels_that_cannot_be_read_cost_only_the_score(
    labels: str | None,
    reason: str,
    runs: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """They ended the prediction, with a flag to set that predict has not; a folder was ignored silently."""
    folder = Path(shutil.copytree(data, tmp_path / "folder"))
    (folder / "test_labels.csv").unlink()
    if labels is None:
        (folder / "test_labels.csv").mkdir()
    else:
        (folder / "test_labels.csv").write_text(labels)
    command("--run", runs / "words", "--data", folder, "--out", tmp_path / "s.csv")
    assert f"No score: {folder}/test_labels.csv: {reason}" in capsys.readouterr().out
    assert len(pd.read_csv(tmp_path / "s.csv")) == 7


def test_the_probabilities_do_not_replace_the_submission(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(runs / "words", tmp_path / "run")
    arguments = ["--run", str(run), "--out", str(tmp_path / "s.csv")]
    assert main([*arguments, "--proba", str(run / "submission.csv")]) == 2
    assert "expected a file for the probabilities; got the run's submission" in capsys.readouterr().err


def test_without_images_no_folder_of_images_is_needed(
    runs: Path, data: Path, records: Records, both: TrainedRun, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(data, tmp_path / "folder"))
    shutil.rmtree(folder / "data")
    files = ["--out", tmp_path / "s.csv", "--proba", tmp_path / "p.csv"]
    command("--run", runs / "both", "--data", folder, *files, "--without", "images")
    expected = model_logits(both, image_batch(records), records.captions.tolist(), has_image=False)
    np.testing.assert_allclose(read_probabilities(tmp_path / "p.csv"), sigmoid(expected), rtol=1e-4)


@pytest.mark.parametrize("other", ["s.csv", "./s.csv", "link.csv", "hard.csv"])
def test_one_file_for_both_outputs_is_refused(
    other: str,
    runs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`--out X --proba X` lost the submission, exit 0."""
    monkeypatch.chdir(tmp_path)
    Path("s.csv").write_text("old")
    Path("link.csv").symlink_to("s.csv")
    os.link("s.csv", "hard.csv")
    assert main(["--run", str(runs / "words"), "--out", "s.csv", "--proba", other]) == 2
    assert f"--out s.csv, --proba {Path(other)}: expected two files; got one" in capsys.readouterr().err
    assert Path("s.csv").read_text() == "old"


@pytest.mark.parametrize("name", ["test.csv", "train.csv", "test_labels.csv", "link.csv"])
def test_the_data_is_not_overwritten(
    name: str, runs: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(data, tmp_path / "folder")
    (folder / "link.csv").symlink_to("test.csv")
    before = (folder / name).read_bytes()
    arguments = ["--run", str(runs / "words"), "--data", str(folder)]
    assert main([*arguments, "--out", str(folder / name)]) == 2
    assert f"{name}: expected a file to write; got one that is read" in capsys.readouterr().err
    assert (folder / name).read_bytes() == before
    assert main([*arguments, "--out", str(folder / "mine.csv")]) == 0
    assert main([*arguments, "--out", str(folder / "mine.csv")]) == 0, (
        "the second try of a user in the folder"
    )
    (folder / "notes.csv").write_text("to do")
    assert main([*arguments, "--out", str(folder / "notes.csv")]) == 2
    assert "notes.csv: expected a new file, or an earlier result" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["data/41.jpg", "data/1.jpg", "link.csv", "hard.csv"])
@pytest.mark.parametrize("flag", ["--out", "--proba"])
def test_no_image_is_overwritten(
    name: str, flag: str, runs: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table took the place of the picture, exit 0."""
    folder = shutil.copytree(data, tmp_path / "folder")
    (folder / "link.csv").symlink_to("data/41.jpg")
    os.link(folder / "data" / "41.jpg", folder / "hard.csv")
    before = (folder / name).read_bytes()
    outputs = {"--out": str(tmp_path / "s.csv")} | {flag: str(folder / name)}
    assert main(["--run", str(runs / "words"), *(word for pair in outputs.items() for word in pair)]) == 2
    assert f"{name}: expected a file to write; got an image" in capsys.readouterr().err
    assert (folder / name).read_bytes() == before


@pytest.mark.parametrize(
    "name", ["manifest.json", "history.csv", "labels.json", "plots/new.csv", "checkpoint/state.npz"]
)
def test_the_files_of_a_run_are_not_overwritten(
    name: str, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(runs / "words", tmp_path / "run")
    for folder in ("plots", "checkpoint"):
        (run / folder).mkdir(exist_ok=True)
    arguments = ["--run", str(run), "--out", str(tmp_path / "s.csv")]
    assert main([*arguments, "--proba", str(run / name)]) == 2
    assert f"{name}: expected a file to write; got one of the run {run}" in capsys.readouterr().err
    assert not (tmp_path / "s.csv").exists()


def test_the_data_of_a_run_is_not_overwritten(
    runs: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--data OTHER`, `--out` could be the table that the run was trained on."""
    other, before = shutil.copytree(data, tmp_path / "other"), (data / "train.csv").read_bytes()
    out = ["--out", str(data / "train.csv")]
    assert main(["--run", str(runs / "words"), "--data", str(other), *out]) == 2
    assert "train.csv: expected a file to write; got one that is read" in capsys.readouterr().err
    assert (data / "train.csv").read_bytes() == before


def test_images_anywhere_is_a_flag_of_predict(
    runs: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "linked"
    (folder / "data").mkdir(parents=True)
    shutil.copy(data / "test.csv", folder)
    for name in NAMES:
        (folder / "data" / name).symlink_to(data / "data" / name)
    found = []
    for source, flags in ((data, []), (folder, []), (folder, ["--images.anywhere", "true"])):
        files = ["--out", str(tmp_path / "s.csv"), "--proba", str(tmp_path / "p.csv")]
        command("--run", runs / "both", "--data", source, *files, *flags)
        found.append((read_probabilities(tmp_path / "p.csv"), "outside" in capsys.readouterr().out))
    (own, _), (refused, refusal), (read, other) = found
    assert (refusal, other) == (True, False)
    np.testing.assert_array_equal(read, own)
    assert np.abs(refused - own).max() > 1e-4
