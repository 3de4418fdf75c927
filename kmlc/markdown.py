"""Tables in Markdown, and how reports and messages write numbers and names of metrics."""

from collections.abc import Iterable, Sequence


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    """Return a table in Markdown, the first `text_columns` columns aligned left and the others right.

    Example:
        markdown_table(["run", "F1"], [["one", "0.5000"]])
    """
    rules = ["---"] * text_columns + ["---:"] * (len(header) - text_columns)
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rules, *rows])


def format_number(value: float | None) -> str:
    """Return a number for display: integers with commas, others with four decimals, "-" for None."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


_ABBREVIATIONS = {"f1": "F1", "map": "mAP", "auroc": "AUROC"}


def metric_title(metric: str) -> str:
    """Return the name of a metric for display.

    Example:
        metric_title("micro_f1")  # "micro F1"
    """
    return " ".join(_ABBREVIATIONS.get(word, word) for word in metric.split("_"))
