"""Writes tables as CSV files."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from kmlc.files import replacing


def write_csv(
    path: Path,
    table: pd.DataFrame | Callable[[], Iterable[pd.DataFrame]],
    float_format: str | None = None,
) -> None:
    """Write a table without its index as CSV, whole or not at all; a large one is made part by part."""
    with replacing(path) as temporary:
        # Before Python 3.13 a field is not quoted for a carriage return, which ends a line for most readers.
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC):
            unquoted = False
            with temporary.open("w", encoding="utf-8") as stream:
                for number, part in enumerate(table() if callable(table) else [table]):
                    text = part.to_csv(
                        index=False,
                        header=not number,
                        float_format=float_format,
                        lineterminator="\n",
                        quoting=quoting,
                    )
                    unquoted |= "\r" in text
                    stream.write(text)
            if not unquoted:
                break
