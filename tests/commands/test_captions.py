from pathlib import Path

import pytest

from kmlc.commands.captions import main


def test_a_file_in_place_of_the_folder_is_found_before_reading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    out.touch()
    assert main(["--data", str(tmp_path / "missing"), "--out", str(out)]) == 2
    assert capsys.readouterr().err.endswith(f"error: --out: expected a folder; got the file {out}\n")
