"""Where results may be written; the commands are in tests/prediction/test_submission.py."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kmlc.config import CaptionsConfig, Config, TableConfig, TowerConfig
from kmlc.errors import UserError
from kmlc.reports.evaluation_files import write_files
from kmlc.training.outputs import EVALUATION_FILES, check_output, check_output_folder


@pytest.mark.parametrize(
    "name", ["backbone.weights.h5", "data/train.csv", "data", "mine.yaml", "preset/model.safetensors"]
)
def test_what_is_read_is_not_written(name: str, tmp_path: Path) -> None:
    """`kmlc features --tower.weights W --out W` replaced the weights; `--config C --out C` the settings."""
    for folder in ("data", "preset"):
        (tmp_path / folder).mkdir()
    for file in ("backbone.weights.h5", "data/train.csv", "mine.yaml", "preset/model.safetensors"):
        (tmp_path / file).touch()
    config = Config(
        data=str(tmp_path / "data"),
        tower=TowerConfig("simple_cnn", weights=str(tmp_path / "backbone.weights.h5")),
        captions=CaptionsConfig(preset=str(tmp_path / "preset")),
    )
    with pytest.raises(UserError, match=f"{name}: expected a file to write"):
        check_output(tmp_path / name, [Config(), config], [tmp_path / "mine.yaml"])
    check_output(tmp_path / "data" / "submission.csv", [config])


@pytest.mark.parametrize("name", ["notes.txt", "photos/41", "link", "outwards"])
def test_nothing_but_a_result_is_replaced_in_a_data_folder(name: str, tmp_path: Path) -> None:
    """Only the tables that the settings name were kept, and images with a readable header."""
    data = tmp_path / "data"
    (data / "photos").mkdir(parents=True)
    for file in (data / "notes.txt", data / "photos" / "41", tmp_path / "elsewhere"):
        file.write_text("version https://git-lfs.github.com/spec/v1\n")
    (data / "outwards").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to(data / "notes.txt")
    config = Config(data=str(data), table=TableConfig(images="photos"))
    path = tmp_path / name if name == "link" else data / name
    with pytest.raises(UserError, match=f"{name}: expected a new file, .* folder {data}"):
        check_output(path, [config])
    check_output(data / "new.csv", [config])
    (data / "submission.csv").write_text("ImageID,Labels\n1.jpg,3\n")
    check_output(data / "submission.csv", [config])
    (data / "submission.csv").write_text('"ImageID","Labels"\n"a\rb.jpg","3"\n')
    check_output(data / "submission.csv", [config])
    np.savez(data / "features.npz", X=np.zeros((1, 2)), ids=np.array(["1.jpg"]))
    check_output(data / "features.npz", [config])
    (data / "more.csv").write_text("ImageID,Labels,Caption\n1.jpg,3,A dog\n")
    with pytest.raises(UserError, match=r"more\.csv: expected a new file"):
        check_output(data / "more.csv", [config])
    check_output(tmp_path / "elsewhere", [config])


def test_no_image_elsewhere_is_replaced(tmp_path: Path) -> None:
    """Nor is one of another folder of images, which `images.anywhere` may read."""
    data, photos = tmp_path / "data", tmp_path / "photos"
    for folder in (data, photos):
        folder.mkdir()
    (photos / "41").write_text("broken")
    config = Config(data=str(data), table=TableConfig(images=str(photos)))
    with pytest.raises(UserError, match="41: expected a new file"):
        check_output(photos / "41", [config])


def cut_off(path: Path) -> None:
    """Write an image that cannot be decoded."""
    Image.effect_noise((90, 90), 50).save(path)
    path.write_bytes(path.read_bytes()[:500])


def no_header(path: Path) -> None:
    """Write what Git LFS has in the place of an image."""
    path.write_text("version https://git-lfs.github.com/spec/v1\n")


def huge(path: Path) -> None:
    """Write the header of an image that no memory holds."""
    path.write_bytes(b"P6 900000 900000 255\n")


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("scan.tiff", lambda path: Image.new("L", (3, 2)).save(path)),
        ("icon.ico", lambda path: Image.new("L", (16, 16)).save(path)),
        ("half.png", cut_off),
        ("huge.ppm", huge),
        ("pointer.JPG", no_header),
    ],
)
def test_no_image_of_any_format_is_replaced(name: str, draw: Callable[[Path], None], tmp_path: Path) -> None:
    """A TIFF was replaced, and so was a pointer of Git LFS."""
    draw(tmp_path / name)
    with pytest.raises(UserError, match=f"{name}: expected a file to write; got an image$"):
        check_output(tmp_path / name, [Config()])


def test_a_table_is_no_image(tmp_path: Path) -> None:
    for number, start in enumerate(("ImageID,Labels\n", "BMI,P1\n", "P1,P2\n1,2\n", "\n", "")):
        (tmp_path / f"{number}.csv").write_text(start)
        check_output(tmp_path / f"{number}.csv", [Config()])


@pytest.mark.parametrize("mark", ["manifest.json", "split.json"])
@pytest.mark.parametrize(
    "name", ["history.csv", "plots/new.csv", "per_class.csv", "train_cleaned.csv", "link"]
)
def test_no_file_of_any_run_is_replaced(name: str, mark: str, tmp_path: Path) -> None:
    """Only the runs that predict were protected, not those beside them or unfinished ones."""
    (tmp_path / "run" / "plots").mkdir(parents=True)
    (tmp_path / "run" / mark).touch()
    (tmp_path / "run" / "link").symlink_to("history.csv")
    with pytest.raises(
        UserError, match=f"{name}: expected a file to write; got one of the run {tmp_path}/run"
    ):
        check_output(tmp_path / "run" / name, [Config()])
    check_output(tmp_path / "run" / "submission.csv", [Config()], runs=[tmp_path / "run"])
    check_output(tmp_path / "history.csv", [Config()])


def test_nothing_is_written_into_another_run(tmp_path: Path) -> None:
    """`--proba OTHER/submission.csv` replaced the submission of a run that did not predict."""
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").touch()
    with pytest.raises(UserError, match=f"outside of the run {tmp_path}/other, which is not used"):
        check_output(tmp_path / "other" / "submission.csv", [Config()], runs=[tmp_path / "mine"])
    # A run inside a folder of data is no data.
    (tmp_path / "mine" / "submission.csv").write_text("ImageID,Labels\n")
    check_output(tmp_path / "mine" / "submission.csv", [Config(data=str(tmp_path))], runs=[tmp_path / "mine"])


def test_nothing_is_written_into_a_study_but_into_its_runs(tmp_path: Path) -> None:
    """`--out STUDY/best.yaml` ended a search."""
    run = tmp_path / "study" / "trials" / "0"
    run.mkdir(parents=True)
    for file in (run / "manifest.json", tmp_path / "study" / "study.yaml"):
        file.touch()
    check_output(run / "submission.csv", [Config()], runs=[run])
    for path in (tmp_path / "study" / "best.yaml", tmp_path / "study" / "trials" / "s.csv"):
        with pytest.raises(
            UserError, match=f"{path.name}: expected a file outside of the study {tmp_path}/study"
        ):
            check_output(path, [Config()])


def test_an_evaluation_in_a_data_folder_is_replaced_by_the_next(tmp_path: Path) -> None:
    """`--out my_folder/eval` worked once; the second time its own files were refused."""
    folder, config = tmp_path / "eval", Config(data=str(tmp_path))
    write_files(folder, {"run": "runs/mine"}, [], "Evaluation of runs/mine", [])
    check_output_folder(folder, EVALUATION_FILES, [config])
    (folder / "evaluation.csv").write_text("name,value\n")
    with pytest.raises(UserError, match=r"evaluation\.json: expected a new file, or an earlier result"):
        check_output_folder(folder, EVALUATION_FILES, [config])


def test_results_go_into_a_new_folder_or_beside_other_files(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").touch()
    (tmp_path / "there").mkdir()
    for folder in (tmp_path / "new", tmp_path / "there", tmp_path / "run" / "evaluation"):
        check_output_folder(folder, ["a.json"], [Config()], [tmp_path / "run"])
    (tmp_path / "there" / "a.json").mkdir()
    for folder, message in (
        (tmp_path / "no" / "such", "no: no such folder to write such in"),
        (tmp_path / "run" / "manifest.json", "expected a folder; got a file"),
        (tmp_path / "run" / "plots", "got one of the run"),
        (tmp_path / "there", r"a\.json: expected a file to write, it is a folder"),
    ):
        with pytest.raises(UserError, match=message):
            check_output_folder(folder, ["a.json"], [Config()], [tmp_path / "run"])
    with pytest.raises(UserError, match="which is not used"):
        check_output_folder(tmp_path / "run" / "evaluation", ["a.json"], [Config()])
