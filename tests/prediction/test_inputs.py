"""`kmlc.load(...).predict(...)`, compared with the predict command."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kmlc
from kmlc.data.readers.csv_table import read_csv
from kmlc.errors import UserError
from kmlc.prediction.inputs import OneImage
from kmlc.prediction.predictor import Predictor
from kmlc.sample import sample_folder
from tests.helpers import ROOT, run_command

LABELS = ["1", "3", "18"]


@pytest.fixture(scope="module")
def predictor(runs: Path) -> Predictor:
    return kmlc.load(runs / "both")


@pytest.fixture(scope="module")
def rows(data: Path) -> tuple[list[Path], list[str]]:
    """The images and captions of the test rows."""
    return rows_of(data)


def rows_of(folder: Path) -> tuple[list[Path], list[str]]:
    columns = read_csv(folder / "test.csv", "Caption").columns
    return [folder / "data" / name for name in columns["ImageID"]], columns["Caption"].tolist()


@pytest.mark.parametrize(
    ("names", "tta", "built_in"),
    [
        (["both"], "none", False),
        pytest.param(["words", "both", "elsewhere"], "flip", False, marks=pytest.mark.slow),
        pytest.param(["both"], "none", True, marks=pytest.mark.slow),
    ],
)
def test_the_library_predicts_what_the_command_writes(
    names: list[str], tta: str, built_in: bool, runs: Path, data: Path, tmp_path: Path
) -> None:
    folder = sample_folder(train_rows=5, test_rows=40, cache=tmp_path) if built_in else data
    chosen = [argument for name in names for argument in ("--run", str(runs / name))]
    files = ["--data", str(folder), "--out", "s.csv", "--proba", "p.csv"]
    done = run_command(tmp_path, str(ROOT / "predict.py"), *chosen, "--tta", tta, *files)
    assert done.returncode == 0, done.stderr
    submission = pd.read_csv(tmp_path / "s.csv", dtype=str, keep_default_na=False)
    proba = pd.read_csv(tmp_path / "p.csv", float_precision="round_trip")
    assert len(proba) == (40 if built_in else 7)

    table = kmlc.load(*(runs / name for name in names), tta=tta).predict(*rows_of(folder))
    assert list(table.columns) == ["Labels", *LABELS]
    assert table["Labels"].tolist() == submission["Labels"].tolist()
    np.testing.assert_array_equal(table[LABELS], proba[LABELS])


def test_paths_and_bytes_may_be_mixed(predictor: Predictor, rows: tuple[list[Path], list[str]]) -> None:
    paths, captions = rows
    mixed: list[OneImage] = [str(paths[0]), paths[1].read_bytes(), *paths[2:]]
    pd.testing.assert_frame_equal(predictor.predict(mixed, captions), predictor.predict(paths, captions))


def test_a_pillow_image_is_its_pixels(
    predictor: Predictor, rows: tuple[list[Path], list[str]], tmp_path: Path
) -> None:
    images = [Image.open(path).convert("L" if row else "RGB") for row, path in enumerate(rows[0])]
    for row, image in enumerate(images):
        image.save(tmp_path / f"{row}.png")
    paths = [tmp_path / f"{row}.png" for row in range(len(images))]
    pd.testing.assert_frame_equal(predictor.predict(images), predictor.predict(paths))


def test_none_is_a_missing_image_or_caption(predictor: Predictor, rows: tuple[list[Path], list[str]]) -> None:
    paths, captions = rows
    expected = predictor.predict([paths[0], None], ["", captions[1]])
    for none in (None, float("nan"), np.float32("nan"), pd.NA, pd.NaT):
        found = predictor.predict(pd.Series([paths[0], none], dtype=object), pd.Series([none, captions[1]]))
        pd.testing.assert_frame_equal(found, expected)
    nothing: list[None] = [None] * len(paths)
    pd.testing.assert_frame_equal(predictor.predict(paths), predictor.predict(paths, nothing))
    pd.testing.assert_frame_equal(predictor.predict(captions=captions), predictor.predict(nothing, captions))
    assert not predictor.predict(paths)[LABELS].equals(predictor.predict(paths, captions)[LABELS])


def test_a_single_image_and_caption_is_one_row(
    predictor: Predictor, rows: tuple[list[Path], list[str]]
) -> None:
    (path, *_), (caption, *_) = rows
    expected = predictor.predict([path], [caption])
    assert len(expected) == 1
    for image in (path, str(path), path.read_bytes()):
        pd.testing.assert_frame_equal(predictor.predict(image, caption), expected)
    pd.testing.assert_frame_equal(predictor.predict(captions=caption), predictor.predict([None], [caption]))


def test_a_run_of_captions_alone_reads_no_images(runs: Path, rows: tuple[list[Path], list[str]]) -> None:
    words = kmlc.load(runs / "words")
    missing = [path.with_suffix(".none") for path in rows[0]]
    pd.testing.assert_frame_equal(words.predict(missing, rows[1]), words.predict(captions=rows[1]))


def test_load_without_a_run_takes_the_newest(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(runs / "both", tmp_path / "runs" / "mine")
    monkeypatch.chdir(tmp_path)
    assert kmlc.load().name == "runs/mine"
    with pytest.raises(UserError, match=r"^tta: expected one of none, flip, crops; got tilt$"):
        kmlc.load(tta="tilt")


def test_an_error_names_the_row(
    predictor: Predictor, rows: tuple[list[Path], list[str]], tmp_path: Path
) -> None:
    path = rows[0][0]
    whole = io.BytesIO()
    Image.effect_noise((90, 90), 50).save(whole, "jpeg")
    truncated = whole.getvalue()[:-500]
    (tmp_path / "broken.jpg").write_bytes(truncated)
    formats = "expected a JPEG, PNG, WebP, BMP or GIF image"
    lazy = Image.open(tmp_path / "broken.jpg")
    large = Image.new("1", (20_000, 20_000))
    for images, message in [
        ([path, tmp_path / "none.jpg"], f"images[1] ({tmp_path}/none.jpg): missing; {formats}"),
        ([path, ""], f"images[1] (): missing; {formats}"),
        (tmp_path / "broken.jpg", f"{tmp_path}/broken.jpg: corrupt; {formats}"),
        ([path, path, truncated], f"images[2]: corrupt; {formats}"),
        ([path, b"no image"], f"images[1]: not an image; {formats}"),
        ([None, b""], f"images[1]: empty; {formats}"),
        ([lazy], f"images[0]: corrupt; {formats}"),
        (large, "image: oversized; expected 50,000,000 pixels or fewer (images.max_pixels)"),
        ([path, 7], "images[1]: expected a path, bytes or a Pillow image; got int"),
        ([], "expected at least one image or caption; got none"),
        (None, "expected at least one image or caption; got none"),
        (5, "images: expected paths, bytes or Pillow images; got int"),
        (True, "images: expected paths, bytes or Pillow images; got bool"),
        (np.array("x.jpg"), "images: expected paths, bytes or Pillow images; got ndarray"),
        ("", f"image: missing; {formats}"),
    ]:
        with pytest.raises(UserError) as raised:
            predictor.predict(images)  # type: ignore[arg-type]
        assert str(raised.value) == message


def test_captions_of_another_length_are_an_error(
    predictor: Predictor, rows: tuple[list[Path], list[str]]
) -> None:
    message = "^expected a caption for each image, None where there is none; got 7 images and 1 caption$"
    with pytest.raises(UserError, match=message):
        predictor.predict(rows[0], ["a dog"])
    with pytest.raises(UserError, match=r"^captions\[1\]: expected a string or None; got int$"):
        predictor.predict(captions=["a dog", 3])  # type: ignore[list-item]
    with pytest.raises(UserError, match=r"^captions: expected strings; got int$"):
        predictor.predict(rows[0], 5)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"^captions\[0\]: expected Unicode text; got '\\udcff'$"):
        predictor.predict(captions=["\udcff"])


@pytest.mark.parametrize("run", [None, 5, ["runs/a", "runs/b"]])
def test_a_run_that_is_no_path_is_one_line(run: object) -> None:
    with pytest.raises(UserError) as raised:
        kmlc.load(run)  # type: ignore[arg-type]
    assert str(raised.value) == f"expected the path of a run directory; got {run!r}"


def test_importing_the_library_is_light() -> None:
    code = "import kmlc, sys; print(sorted({'tensorflow', 'keras', 'numpy', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
