"""What strangers wrote cannot steer the terminal, nor the logs that are shown on one."""

import io
import unicodedata
from pathlib import Path

import pytest

from kmlc.data.data_report import TableReport
from kmlc.output_log import logged_output
from kmlc.printable import PrintableStream, one_line, printable, printable_output
from kmlc.progress import ProgressBar
from tests.helpers import Terminal


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("a\rb\x08\x7f\x9b1m", "a\\rb\\x08\\x7f\\x9b1m"),
        ("\udcff\u2028\U000e0041", "\\udcff\\u2028\\U000e0041"),
        ("ä 日本\u3000 … 👩\u200d👩 \\n\t\n", "ä 日本\u3000 … 👩\u200d👩 \\n\t\n"),
    ],
)
def test_what_steers_a_terminal_is_escaped(text: str, escaped: str) -> None:
    assert printable(text) == escaped
    assert printable(escaped) == escaped


def test_no_control_character_is_left() -> None:
    everything = "".join(map(chr, range(0x110000)))
    left = {each for each in printable(everything) if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp")}
    assert left == {"\n", "\t"}
    bidirectional = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    assert not [each for each in printable(everything) if unicodedata.bidirectional(each) in bidirectional]
    assert "\n" not in one_line(everything)


def test_what_a_command_prints_is_escaped_and_so_is_its_log(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with printable_output(), logged_output() as log:
        log.save_to(tmp_path / "train.log")
        print("\x1b[2J", end="")
    assert capsys.readouterr().out == "\\x1b[2J"
    assert (tmp_path / "train.log").read_text() == "\\x1b[2J"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_no_character_is_too_much_for_an_encoding(encoding: str) -> None:
    raw = io.BytesIO()
    stream = PrintableStream(io.TextIOWrapper(raw, encoding))
    print("日本.jpg … \udcff", file=stream, flush=True)
    assert raw.getvalue().startswith(b"\\u65e5\\u672c.jpg ")


def test_a_bar_still_steers_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr("kmlc.progress.BAR_SECONDS", 0.0)
    with printable_output(), logged_output(), ProgressBar(2, "step") as bar:
        bar.update()
    assert "\r" in terminal.getvalue()


def test_a_name_in_a_report_stays_on_its_line() -> None:
    report = TableReport("train.csv", 2, label_counts={"\ncat": 1})
    report.note("missing image", "excluded", ["a\n\x1b[31m.jpg"])
    assert report.summary().splitlines() == [
        "train.csv: 2 rows, 0 used",
        "  missing image: 1, excluded (first: a\\n\\x1b[31m.jpg)",
        "  1 label: \\ncat 1",
    ]
