"""Tables of any bytes, and tables whose rows are known: none is lost, and nothing ends in a traceback."""

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import example
from hypothesis import strategies as st

from kmlc.commands.predict import main as predict
from kmlc.commands.train import main as train
from kmlc.errors import UserError
from tests.fuzz.harness import Finding, Outcome, Sandbox, fuzz
from tests.fuzz.strategies import (
    CAPTIONS,
    EDITS,
    ENCODINGS,
    LABELS,
    NAMES,
    STYLES,
    Edit,
    Row,
    edited,
    rows,
    valid_csv,
)
from tests.fuzz.submissions import check_submission, read_submission

NOT_TRAINED = "the rows are ready to train on"

Style = tuple[int, str, str]


@pytest.fixture(autouse=True)
def _quick(restored_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """End `train` where its rows are prepared, before the model is built."""

    def prepared(*_: object) -> None:
        raise UserError(NOT_TRAINED)

    monkeypatch.setattr("kmlc.training.train.compiled_model", prepared)


def predict_table(sandbox: Sandbox, files: dict[str, bytes], *flags: str) -> Outcome:
    """Predict the rows of `files` with captions alone; return what the command did."""
    folder = sandbox.clear() / "in"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    run, out = sandbox.root / "runs" / "words", sandbox.work / "s.csv"
    outcome = sandbox.call(predict, "--run", run, "--data", folder, "--out", out, *flags, writes=["s.csv"])
    assert outcome.code != 0 or read_submission(sandbox)[0] == ["ImageID", "Labels"]
    return outcome


def prepare(sandbox: Sandbox, files: dict[str, bytes], *flags: str) -> Outcome:
    """Read a data folder as `train` does, up to the rows that it would train on."""
    folder = sandbox.clear() / "in"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    base = ("--data", folder, "--tower.name", "none", "--captions.encoder", "trigram", "--run", "new")
    return sandbox.call(train, *base, *flags, writes=["new"])


@fuzz("tables", 200, content=st.binary(max_size=200), file=st.sampled_from(["test.csv", "test_labels.csv"]))
@example(content=b"\n\nImageID,Caption\n0.jpg,a\n", file="test.csv")
@example(content=b"a" * 140_000 + b",Caption\n0.jpg,a\n", file="test.csv")
@example(content=b"ImageID,Caption\n0.jpg," + b"a" * 140_000 + b'"\n', file="test.csv")
def test_any_bytes_as_a_test_table(sandbox: Sandbox, content: bytes, file: str) -> None:
    files = {"test.csv": b"ImageID,Caption\n0.jpg,a dog\n", file: content}
    outcome = predict_table(sandbox, files)
    assert outcome.code != 0 or len(read_submission(sandbox)) > 1


@fuzz("tables", 200, content=st.binary(max_size=200), file=st.sampled_from(["train.csv", "label_names.csv"]))
@example(content=b"ImageID,Labels,Caption\n0.jpg,,a\n1.jpg,,b\n", file="train.csv")
@example(content=b"ImageID,Labels,Caption\n0.jpg," + b"9" * 5000 + b",a\n1.jpg,1,b\n", file="train.csv")
@example(content=b"Label,Name\n01,person\n1,man\n", file="label_names.csv")
def test_any_bytes_as_a_training_table(sandbox: Sandbox, content: bytes, file: str) -> None:
    files = {"train.csv": b"ImageID,Labels,Caption\n0.jpg,1,a dog\n1.jpg,3,b\n2.jpg,1 3,c\n", file: content}
    prepare(sandbox, files)


@fuzz(
    "tables",
    300,
    edits=EDITS,
    file=st.sampled_from(["train.csv", "test.csv", "test_labels.csv"]),
    encoding=st.sampled_from(ENCODINGS),
)
def test_damaged_tables(sandbox: Sandbox, edits: list[Edit], file: str, encoding: str) -> None:
    content = (sandbox.root / "data" / file).read_text().encode(encoding)
    files = {"test.csv": (sandbox.root / "data" / "test.csv").read_bytes(), file: edited(content, edits)}
    prepare(sandbox, files) if file == "train.csv" else predict_table(sandbox, files)


@fuzz("tables", 400, table=rows(NAMES, CAPTIONS), style=STYLES)
@example(
    table=[("1.tif", "dog"), ("2", "x"), ("3.jpg ", 'say "y"'), ("a,b.jpg", "z")],
    style=(csv.QUOTE_ALL, "\n", "utf-8"),
)
@example(table=[("0.jpg", 'x\n1.jpg,"y'), ("1.jpg", "")], style=(csv.QUOTE_ALL, "\n", "utf-8"))
@example(
    table=[("a" * 300 + ".jpg", "x"), ("\x1b[31m.jpg", "y")], style=(csv.QUOTE_MINIMAL, "\r\n", "utf-8-sig")
)
def test_every_row_of_a_valid_table_is_predicted(sandbox: Sandbox, table: list[Row], style: Style) -> None:
    quoting, end, encoding = style
    text = valid_csv(("ImageID", "Caption"), quoting, end)(table)
    outcome = predict_table(sandbox, {"test.csv": text.encode(encoding)})
    check_submission(sandbox, outcome, [name.strip() for name, _ in table])


RECORD_NAMES = st.builds(
    "{}{}".format, st.integers(0, 99_999), st.sampled_from([".jpg", ".tif", "", ".png", ".JPG "])
)
LINES = st.text(st.sampled_from("ab ,\"'.;|\\é"), max_size=20)


@fuzz(
    "tables",
    300,
    names=st.lists(RECORD_NAMES, min_size=2, max_size=8, unique=True),
    captions=st.lists(LINES, min_size=8),
)
@example(
    names=["0.jpg", "1.tif", "2.jpg", "3.jpg ", "4.jpg"],
    captions=['He said "hi"', "dog", "x", "y", "z"],
)
@example(names=["244.tif", "5083.png", "339"], captions=["", '"";b"', '";x'])
def test_every_row_of_a_table_with_unescaped_quotes_is_predicted(
    sandbox: Sandbox, names: list[str], captions: list[str]
) -> None:
    lines = [f'{name},"{caption}"' for name, caption in zip(names, captions, strict=False)]
    text = "\n".join(["ImageID,Caption", *lines]) + "\n"
    outcome = predict_table(sandbox, {"test.csv": text.encode()})
    # Some such tables are valid CSV by accident, of other rows; they are read as such.
    with suppress(csv.Error):
        table = list(csv.reader(io.StringIO(text), strict=True))
        names = [row[0] for row in table[1:]] if {len(row) for row in table} == {2} else names
    check_submission(sandbox, outcome, [name.strip() for name in names])


@fuzz("tables", 250, table=rows(NAMES, LABELS, CAPTIONS), style=STYLES)
@example(table=[("0.jpg", "cat,dog", 'a "b"'), ("1.jpg", "cat", "c")], style=(csv.QUOTE_ALL, "\n", "utf-8"))
@example(table=[("0.jpg", "1.0 3", "a"), ("1.jpg", "1", "c")], style=(csv.QUOTE_MINIMAL, "\n", "utf-8"))
@example(table=[("0.jpg", "", "a"), ("1.jpg", "", "c")], style=(csv.QUOTE_MINIMAL, "\n", "utf-8"))
@example(table=[("0.jpg", "9" * 5000, "a"), ("1.jpg", "1", "c")], style=(csv.QUOTE_MINIMAL, "\n", "utf-8"))
def test_every_row_of_a_training_table_is_counted(sandbox: Sandbox, table: list[Row], style: Style) -> None:
    quoting, end, encoding = style
    text = valid_csv(("ImageID", "Labels", "Caption"), quoting, end)(table)
    outcome = prepare(sandbox, {"train.csv": text.encode(encoding)})
    if NOT_TRAINED in outcome.err and f"train.csv: {len(table):,} rows, " not in outcome.out:
        raise Finding("lost rows", "not counted", outcome.out)


@fuzz("tables", 100, table=rows(LABELS, CAPTIONS), truth=rows(NAMES, LABELS))
@example(table=[("1", "person"), ("01", "dog")], truth=[("0.jpg", "7"), ("1.jpg", "")])
def test_tables_of_names_and_of_test_labels(sandbox: Sandbox, table: list[Row], truth: list[Row]) -> None:
    test = b"ImageID,Caption\n0.jpg,a dog\n1.jpg,b\n"
    labels = valid_csv(("ImageID", "Labels"))(truth).encode()
    names = valid_csv(("Label", "Name"))(table).encode()
    training = b"ImageID,Labels,Caption\n0.jpg,1,a dog\n1.jpg,3,b\n2.jpg,1 3,c\n"
    outcome = predict_table(sandbox, {"test.csv": test, "test_labels.csv": labels})
    if outcome.code == 0:
        check_submission(sandbox, outcome, ["0.jpg", "1.jpg"])
    prepare(sandbox, {"train.csv": training, "label_names.csv": names})


HIERARCHY = (
    "--table.superclass_column=Super",
    "--loss.name=hierarchical",
    "--labels.superclass_names=super.csv",
)
PAIRS = st.tuples(
    st.sampled_from(["0", "1", "01", "x", ""]), st.sampled_from(["0", "1", "2", "3", "novel", ""])
)


@fuzz(
    "tables",
    150,
    table=rows(NAMES, LABELS | st.sampled_from(["0", "1"]), LABELS),
    pairs=st.lists(PAIRS, max_size=8),
)
@example(
    table=[("0.jpg", "0", "0"), ("1.jpg", "0", "1"), ("2.jpg", "1", "0")], pairs=[("0", "0"), ("1", "0")]
)
@example(table=[("0.jpg", "", ""), ("1.jpg", "mistyped", "1")], pairs=[("0", "novel"), ("1", "novel")])
def test_hierarchies(sandbox: Sandbox, table: list[Row], pairs: list[Row]) -> None:
    usual = [(f"{number}.png", *pair, "a dog") for number, pair in enumerate(pairs)]
    text = valid_csv(("ImageID", "Super", "Labels", "Caption"))([*usual, *((*row, "") for row in table)])
    names = valid_csv(("Label", "Name"))([*pairs, ("9", "novel")])
    files = {"train.csv": text.encode(), "super.csv": names.encode(), "label_names.csv": names.encode()}
    outcome = prepare(sandbox, files, *HIERARCHY)
    if NOT_TRAINED in outcome.err and f"train.csv: {len(table) + len(pairs):,} rows, " not in outcome.out:
        raise Finding("lost rows", "not counted", outcome.out)
