import io
from pathlib import Path

import pytest

from kmlc import progress
from kmlc.output_log import logged_output
from kmlc.progress import ProgressBar
from tests.helpers import Terminal


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_output_except_bars_is_logged(
    stream: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setattr(progress, "BAR_SECONDS", 0.0)
    log_file = tmp_path / "train.log"
    log_file.write_text("epoch 1\n")
    with logged_output() as log:
        print("reading")
        log.save_to(log_file)
        with ProgressBar(2, "step") as bar:
            bar.update()
        print("epoch 2")
        assert log_file.read_text() == "epoch 1\nreading\nepoch 2\n"
    print("after")
    assert log_file.read_text() == "epoch 1\nreading\nepoch 2\n"
    shown = stream.getvalue()
    assert shown.startswith("reading\n")
    assert shown.endswith("epoch 2\nafter\n")
    assert ("\r" in shown) == stream.isatty()


def test_the_lines_of_a_bar_are_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.StringIO())
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    with logged_output() as log:
        log.save_to(tmp_path / "train.log")
        with ProgressBar(2, "step") as bar:
            bar.update()
    assert (tmp_path / "train.log").read_text().splitlines()[-1].startswith("step 1/2, ")
