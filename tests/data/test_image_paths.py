"""Which names of images lead out of the image folder."""

from pathlib import Path

import pytest

from kmlc.data.image_paths import image_paths

INSIDE = [
    "1.jpg",
    "./1.jpg",
    "sub/2.jpg",
    "sub/../1.jpg",
    "../data/1.jpg",
    "inner.jpg",
    "gone.jpg",
    "a\0b",
    "",
]
OUTSIDE = [
    "../secret.jpg",
    "sub/../../secret.jpg",
    "/etc/passwd",
    "out.jpg",
    "away/secret.jpg",
    "..",
    "sub/../..",
]


@pytest.fixture(params=["folder", "link to the folder"])
def images(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "secret.jpg").touch()
    (tmp_path / "data2").mkdir()  # its name begins like that of the folder
    (folder / "1.jpg").touch()
    (folder / "inner.jpg").symlink_to("sub/../1.jpg")
    (folder / "out.jpg").symlink_to("../secret.jpg")
    (folder / "away").symlink_to("..")
    (tmp_path / "link").symlink_to("data")
    return tmp_path / ("data" if request.param == "folder" else "link")


@pytest.mark.parametrize("name", INSIDE)
def test_names_inside_are_paths(name: str, images: Path) -> None:
    assert image_paths(images, [name], anywhere=False).tolist() == [str(images / name)]


@pytest.mark.parametrize("name", [*OUTSIDE, "../data2/1.jpg"])
def test_names_outside_are_refused_unless_they_are_allowed(name: str, images: Path) -> None:
    """Absolute paths, `..` and links in a stranger's table were read, and drawn into the report."""
    assert image_paths(images, [name, "1.jpg"], anywhere=False).tolist() == ["", str(images / "1.jpg")]
    assert image_paths(images, [name], anywhere=True).tolist() == [str(images / name)]


def test_an_absolute_path_into_the_folder_is_inside(images: Path) -> None:
    path = str(images.resolve() / "1.jpg")
    assert image_paths(images, [path], anywhere=False).tolist() == [path]
