"""What the fuzz tests draw from: damage to valid bytes, names, captions, labels, and tables of them."""

import csv
import io
import re
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

# fmt: off
NAMES = st.sampled_from(
    [
        "1.tif", "1", "a b.jpg", " 1.jpg", "1.jpg ", "1,2.jpg", 'a"b.jpg', "'1.jpg'", "1.JPG", ".jpg", "-",
        "nan", "../0.jpg", "../../etc/passwd", "/etc/passwd", "/dev/zero", "./0.jpg", "0.jpg",
        "sub/../0.jpg", "0.jpg/", "a" * 300 + ".jpg", "é.jpg", "e\u0301.jpg", "图.jpg",
        "\x1b[31mred\x1b[0m.jpg", "\x07.jpg", "a\tb.jpg", "$(touch owned).jpg", "`id`", "a|b.jpg", "=1+1",
        "{0}.jpg", "%s%n", "NULL", "None", "1e5", "\u202egpj.exe", "a/" * 2000 + "b.jpg", "\ufeff0.jpg",
        "😀.jpg", "~", "con", "a;b.jpg", "#1.jpg", "[1].jpg", "*.jpg", "a\rb.jpg", "a\r\nb.jpg",
    ]
) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)

CAPTIONS = st.sampled_from(
    [
        "", "a dog", "A man, a plan.", 'He said "hi"', '"', '""', '"quoted"', "a\nb", "0.jpg,1",
        'x\n1.jpg,"y', "\\", "\x1b[2J", "\x00", "NaN", "é", "\U0001d4b3", "a" * 2000, " ", "\t", "1.jpg,",
        "\u2028", "\x85", "| a | b |", "$(id)",
    ]
) | st.text(max_size=40)

LABELS = st.sampled_from(
    [
        "1", "3", "18", "1 3", "3 1", "1 1", "01", "1.0", "1.5", "-1", "nan", "", " ", "1,3", '"1', "cat",
        "1 cat", "9" * 5000, "1e5", "\uff11", "1_000", "+1", "0x1", "inf", "cat,dog", "\x1b[31m", "a|b",
        "1\n3", "1\t3", "$(id)", "\x00", "é", "e\u0301", "None", "true", "a" * 200_000,
        " ".join(map(str, range(500))), "-0", "0",
    ]
) | st.text(max_size=12)
# fmt: on

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-32")

# fmt: off
WILD_VALUES = (
    "", " ", "null", "~", "#", "#1", "true", "no", "0", "1", "-1", "1.0", "1e-4", "1e3", "1e999", "nan",
    "inf", "-inf", ".inf", ".nan", "2026-01-31", "12:30:00", "0x10", "0o7", "01", "1_000", "[]", "{}",
    "[1, 2]", "{a: 1}", "[", "{", "]", "!!python/object:os.system", "!!binary aGk=", "&a [*a]", "*a",
    "<<: 1", "a: b", "- a", "|", ">", "%TAG", "@x", "`", "\t", "\n", "a\nb", "\x1b[31m", "\x00", "é", "😀",
    "\ud800", "9" * 5000, "a" * 5000, "auto", "none", "all", "'", '"', "..", "/", "../..", "/etc/passwd",
    "--help", "-", "--", "from x", "from ", "top1", "[1e309]", "[0.5, true]", "[[1]]", "[null]",
    "['01', 1]", "1e-400", "123456789012345678901234567890", "true false", "None", "\u2028", "=", "+",
)
# fmt: on
"""Values for settings that mean something to YAML, to a shell or to a terminal, or that no setting takes."""

Edit = tuple[str, float, bytes]

EDITS: st.SearchStrategy[list[Edit]] = st.lists(
    st.tuples(
        st.sampled_from(["insert", "delete", "replace", "truncate", "flip", "repeat"]),
        st.floats(0, 1, allow_nan=False),
        st.binary(min_size=1, max_size=6)
        | st.sampled_from(
            [b'"', b"\n", b"\r", b"\0", b",", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b[0m", b"\x80", b"null"]
        ),
    ),
    min_size=1,
    max_size=5,
)


def edited(content: bytes, edits: Sequence[Edit]) -> bytes:
    """Return bytes with damage to them: each edit is what is done, where (0 is the start), and with what."""
    for what, place, new in edits:
        at = int(place * len(content))
        before, after = content[:at], content[at:]
        size = len(new) * (10 if what == "delete" else 1)
        if what == "truncate":
            content = before
        elif what == "flip":
            content = (
                before
                + bytes(each ^ mask for each, mask in zip(after, new, strict=False))
                + after[len(new) :]
            )
        elif what == "repeat":
            content = before + after[:size] * 50 + after
        else:
            content = (
                before + (b"" if what == "delete" else new) + (after if what == "insert" else after[size:])
            )
    return content


Row = tuple[str, ...]


def rows(*columns: st.SearchStrategy[str], most: int = 8) -> st.SearchStrategy[list[Row]]:
    """Return lists of one to `most` rows."""
    return st.lists(st.tuples(*columns), min_size=1, max_size=most)


def valid_csv(
    header: Row, quoting: int = csv.QUOTE_MINIMAL, end: str = "\n"
) -> Callable[[Sequence[Row]], str]:
    """Return a function that writes rows as valid CSV."""

    def write(rows: Sequence[Row]) -> str:
        text = io.StringIO(newline="")
        # Before Python 3.13 only the characters of the line end itself are quoted.
        style = csv.QUOTE_ALL if re.search("[\r\n]", "".join(map("".join, rows))) else quoting
        csv.writer(text, lineterminator=end, quoting=style).writerows([header, *rows])  # type: ignore[arg-type]
        return text.getvalue()

    return write


STYLES: st.SearchStrategy[tuple[int, str, str]] = st.tuples(
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig"]),
)
"""How a valid table is written: quoting, line ends, encoding."""
