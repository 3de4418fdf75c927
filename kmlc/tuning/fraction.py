"""A fraction of the labelled rows, for a quick search."""

import dataclasses

import numpy as np

from kmlc.data.data_report import Finding
from kmlc.data.records import LabelledData


def fraction_of(data: LabelledData, fraction: float, seed: int) -> LabelledData:
    """Return a random fraction of the rows, in the order of the table.

    At least 2 rows are kept; with the same seed the rows of a smaller fraction are among those of a larger
    one. Of a fraction of 1 it is `data` itself.
    """
    rows, report = len(data.records), data.report
    count = max(2, round(fraction * rows))
    if count >= rows:
        return data
    order = np.random.default_rng(seed).permutation(rows)
    kept, others = np.sort(order[:count]), np.sort(order[count:])
    records = data.records.take(kept)
    outside = Finding("row outside the fraction", "excluded", [data.records.ids[row] for row in others])
    counts = records.labels.sum(axis=0).tolist()
    report = dataclasses.replace(
        report,
        used=count,
        findings=[*report.findings, outside],
        label_counts=dict(zip(data.vocabulary.display(), counts, strict=True)),
    )
    return LabelledData(records, data.vocabulary, report, data.label_kind)
