"""A fraction of the labelled rows, for a quick search."""

from dataclasses import replace

import numpy as np

from kmlc.data.data_report import Finding
from kmlc.data.records import LabelledData


def fraction_of(data: LabelledData, fraction: float, seed: int) -> LabelledData:
    """Return a random fraction of the rows, in the order of the table.

    At least 2 rows are kept; with the same seed the rows of a smaller fraction are among those of a larger
    one. Of a fraction of 1 it is `data` itself. Classes without a row in it are no classes of it.
    """
    rows = len(data.records)
    count = max(2, round(fraction * rows))
    if count >= rows:
        return data
    order = np.random.default_rng(seed).permutation(rows)
    kept, others = np.sort(order[:count]), np.sort(order[count:])
    outside = Finding("row outside the fraction", "excluded", data.records.ids[others].tolist())
    part = data.take(kept)
    return replace(part, report=replace(part.report, findings=[*part.report.findings, outside]))
