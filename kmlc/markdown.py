"""Tables in Markdown, and how reports and messages write numbers and names of metrics."""

import re
from collections.abc import Iterable, Sequence

from kmlc.printable import printable


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    """Return a table in Markdown, the first `text_columns` columns aligned left and the others right.

    A cell may hold Markdown; strings from data are passed through `escape` or `code`.

    Example:
        markdown_table(["run", "F1"], [["one", "0.5000"]])
    """
    rules = ["---"] * text_columns + ["---:"] * (len(header) - text_columns)
    lines = [list(map(_cell, line)) for line in (header, rules, *rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    """Return the text of a cell, on one line and without a bar that would end the cell."""
    return _one_line(text).replace("|", r"\|")


def escape(text: str) -> str:
    r"""Return Markdown that shows a string from data as it is: no markup, no HTML, no image from elsewhere.

    Example:
        escape("*dog*")  # r"\*dog\*"
    """
    return re.sub(r"([\\`*\[\]<>&])", r"\\\1", _one_line(text))


def code(text: str) -> str:
    """Return Markdown that shows a string in a fixed width, whatever backticks are in it.

    Example:
        code("a`b")  # "``a`b``"
    """
    text = _one_line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    edge = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{edge}{text}{edge}{fence}"


def _one_line(text: str) -> str:
    """Return the text as `printable` does, on one line."""
    return printable(" ".join(text.split()))


def format_number(value: float | None) -> str:
    """Return a number for display: integers with commas, others with four decimals, "-" for None."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Return how many there are, with the noun in its singular or plural: by default with an s.

    Example:
        counted(1, "row")  # "1 row"; counted(1400, "row") is "1,400 rows"
    """
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


_ABBREVIATIONS = {"f1": "F1", "map": "mAP", "auroc": "AUROC"}


def metric_title(metric: str) -> str:
    """Return the name of a metric for display.

    Example:
        metric_title("micro_f1")  # "micro F1"
    """
    return " ".join(_ABBREVIATIONS.get(word, word) for word in metric.split("_"))
