"""What reports are made of: figures as files, tables in Markdown."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from kmlc.files import write_with


def save_plot(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, whole or not at all."""
    write_with(path, lambda temporary: figure.savefig(temporary, dpi=150))


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    """Return a table in Markdown, the first `text_columns` columns aligned left and the others right."""
    rules = ["---"] * text_columns + ["---:"] * (len(header) - text_columns)
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rules, *rows])


def number(value: float | None) -> str:
    """Return a figure for people: whole numbers with commas, others with four digits, "-" for None."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
