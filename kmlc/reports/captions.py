"""System 2's caption analysis: the words of each label, and the labels that occur together."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kmlc.config import Config
from kmlc.csv_file import write_csv
from kmlc.data.labels import Vocabulary
from kmlc.data.records import LabelledData
from kmlc.errors import UserError
from kmlc.files import write_text
from kmlc.markdown import counted, escape, markdown_table
from kmlc.plotting import save_plot
from kmlc.reports import caption_plots
from kmlc.reports.caption_words import clean, strongest_words

RANKED, CLOUDED = 10, 20
"""Number of words of a label in the table and the bar chart, and in the word cloud."""
DRAWN, PAGE = 80, 24
"""Most labels in the plots (the most frequent ones), and in one plot; the CSV files have all labels."""


def cooccurrence(labels: np.ndarray) -> np.ndarray:
    """Return P(B|A) for all pairs of labels: of the rows with label A, the share that has label B.

    Args:
        labels: multi-hot labels of shape (rows, classes).

    Returns:
        float64 of shape (classes, classes), a row for each A and a column for each B, with 1 on the diagonal;
        NaN if no row has A.

    Example:
        cooccurrence(np.array([[1, 1], [1, 0]]))  # [[1, 0.5], [1, 1]]
    """
    counts = labels.astype(np.float64)
    together = counts.T @ counts
    rows = np.diag(together)[:, None]
    return np.divide(together, rows, out=np.full_like(together, np.nan), where=rows > 0)


def write_caption_report(data: LabelledData, config: Config, folder: Path) -> None:
    """Write captions.md, its plots and its CSV files into `folder`, in place of earlier ones.

    Rows without a caption count for the co-occurrence of labels, but not for the words.

    Args:
        data: the labelled rows.
        config: the settings that they were read with; the layout of the word clouds depends on its seed.
        folder: created if it does not exist.

    Raises:
        UserError: if no caption has a word.

    Example:
        config = Config(data="my_folder", tower=TowerConfig(name="none"))
        write_caption_report(read_labelled(config), config, Path("captions-report"))
    """
    captions = [clean(caption) for caption in data.records.captions]
    if not any(captions):
        raise UserError(
            f"{data.report.file}: no row has a caption with words; expected captions in the column "
            f"{config.table.caption_column!r} (name yours with --table.caption_column)"
        )
    labels, vocabulary = data.records.labels, data.vocabulary
    words = strongest_words(captions, labels, CLOUDED)
    shares, rows, names = cooccurrence(labels), labels.sum(axis=0, dtype=int), vocabulary.display()
    drawn = np.sort(np.argsort(-rows, kind="stable")[:DRAWN])
    panels = {names[place]: words[place] for place in drawn}

    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "top_words.csv", _words_table(vocabulary, words), float_format="%.6f")
    charts = _save_pages(
        folder / "top_words.png",
        {name: _ranked(each) for name, each in panels.items()},
        caption_plots.top_words,
    )
    clouds = _save_pages(
        folder / "word_clouds.png", panels, lambda page: caption_plots.word_clouds(page, config.seed)
    )
    write_csv(folder / "cooccurrence.csv", _cooccurrence_table(vocabulary, shares, rows), float_format="%.6f")
    heat_map = caption_plots.cooccurrence(
        shares[np.ix_(drawn, drawn)], rows[drawn].tolist(), [names[place] for place in drawn]
    )
    save_plot(folder / "cooccurrence.png", heat_map)
    limit = f"; the plots show the {DRAWN} most frequent" if len(names) > DRAWN else ""
    sections = [
        "# Captions",
        f"{escape(data.report.file)}: {counted(len(captions), 'row')}, {sum(map(bool, captions)):,} of them "
        f"with words in their caption; {counted(len(names), 'label')}{limit}.",
        "## Words of each label",
        "Captions are lower-cased, reduced to letters, cleaned of stop words and lemmatised. The captions of "
        "all rows with a label form one document. Its words are ranked by TF-IDF, "
        "count · (ln((1 + n) / (1 + df)) + 1), where n is the number of captions and df the number of those "
        "with the word; the scores of a label are scaled to a Euclidean norm of 1.",
        *(f"![The {RANKED} strongest words of each label]({name})" for name in charts),
        *(f"![The {CLOUDED} strongest words of each label as a cloud]({name})" for name in clouds),
        _words_section(names, words, rows),
        "The scores are in `top_words.csv`.",
        "## Co-occurrence of labels",
        "Of the rows with one label, the share that also has another: P(column | row).",
        "![Co-occurrence of labels](cooccurrence.png)",
        "The shares are in `cooccurrence.csv`.",
    ]
    write_text(folder / "captions.md", "\n\n".join(sections) + "\n")


def _ranked(words: Mapping[str, float]) -> dict[str, float]:
    return dict(list(words.items())[:RANKED])


def _save_pages(
    path: Path,
    classes: Mapping[str, Mapping[str, float]],
    draw: Callable[[dict[str, Mapping[str, float]]], Figure],
) -> list[str]:
    """Draw the classes in as many plots as they need, evenly divided; return the plots' file names."""
    pages = np.array_split(np.array(list(classes), dtype=object), math.ceil(len(classes) / PAGE))
    names = []
    for number, page in enumerate(pages, start=1):
        name = path.name if number == 1 else f"{path.stem}_{number}{path.suffix}"
        save_plot(path.with_name(name), draw({each: classes[each] for each in page}))
        names.append(name)
    return names


def _words_table(vocabulary: Vocabulary, words: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    rows = [
        (label, name, rank, word, score)
        for label, name, scores in zip(vocabulary.labels, vocabulary.names, words, strict=True)
        for rank, (word, score) in enumerate(_ranked(scores).items(), start=1)
    ]
    return pd.DataFrame(rows, columns=["label", "name", "rank", "word", "tfidf"])


def _cooccurrence_table(vocabulary: Vocabulary, shares: np.ndarray, rows: np.ndarray) -> pd.DataFrame:
    head = pd.DataFrame({"label": vocabulary.labels, "name": vocabulary.names, "rows": rows})
    return pd.concat([head, pd.DataFrame(shares, columns=list(vocabulary.labels))], axis=1)


def _words_section(names: Sequence[str], words: Sequence[Mapping[str, float]], rows: np.ndarray) -> str:
    lines = [
        [escape(name), ", ".join(_ranked(each)), f"{count:,}"]
        for name, each, count in zip(names, words, rows, strict=True)
    ]
    return markdown_table(["label", f"{RANKED} strongest words", "rows"], lines, text_columns=2)
