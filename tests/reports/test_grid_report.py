import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmlc.reports.grid_report import write_grid_report
from kmlc.reports.grid_trials import join_trials
from kmlc.setting_values import canonical
from kmlc.tuning.grid import Grid, Range
from kmlc.tuning.grid_file import read_grid

GRID = Grid(
    "small",
    "A small grid",
    "mlp",
    {"loss.name": ["focal", "bce"], "fusion.dropout": [0.5, 0.7], "train.epochs": [1, 3]},
    metrics=["minutes", "val_loss", "micro_f1"],
    published=[
        {"loss.name": "bce", "fusion.dropout": 0.5, "train.epochs": 3, "minutes": 295, "micro_f1": 0.81234},
        {"loss.name": "focal", "fusion.dropout": 0.5, "train.epochs": 1, "minutes": 7, "micro_f1": 0.9},
        {"loss.name": "focal", "fusion.dropout": 0.7, "train.epochs": 1, "minutes": 8, "micro_f1": 0.7},
        {"loss.name": "bce", "fusion.dropout": 0.7, "train.epochs": 1, "minutes": 9, "micro_f1": 0.6},
    ],
    source="a report",
)

RESULTS = """trial,loss.name,fusion.dropout,train.epochs,seed,minutes,val_loss,micro_f1,run,error
1,focal,0.5,1,42,4.25,0.25,0.85,trials/1-seed42,
2,focal,0.5,3,42,12.5,0.2,0.88,trials/2-seed42,
3,focal,0.7,1,42,4.75,0.3,0.75,trials/3-seed42,
6,bce,0.5,3,42,1300,0.1,0.86234,trials/6-seed42,
5,bce,0.5,1,42,,,,trials/5-seed42,out of memory
"""


def read(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text))


def report(folder: Path, grid: Grid, results: pd.DataFrame, **options: Any) -> list[str]:
    write_grid_report(folder, grid, results, **options)
    return (folder / "results.md").read_text(encoding="utf-8").split("\n")


def cells(lines: list[str]) -> list[list[str]]:
    """Return the cells of the table, its header first."""
    rows = [line for line in lines if line.startswith("|") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]


def test_the_table_shows_published_and_ours_in_published_order(tmp_path: Path) -> None:
    lines = report(tmp_path, GRID, read(RESULTS), notes=["sample data", "4 cores"], total=8)
    assert lines[:7] == [
        "# A small grid",
        "",
        "4 of 8 trials finished. Best by micro F1: loss focal, dropout 0.5, epochs 3, 0.88000.",
        "The published best (0.90000) is loss focal, dropout 0.5, epochs 1; ours: rank 3 of 4.",
        "",
        "- sample data",
        "- 4 cores",
    ]
    assert cells(lines) == [
        [
            *("loss", "dropout", "epochs", "minutes published", "minutes ours", "difference", "val loss"),
            *("micro F1 published", "micro F1 ours", "difference", "our rank"),
        ],
        ["focal", "0.5", "1", "7.0", "4.2", "-2.8", "0.2500", "0.90000", "0.85000", "-0.05000", "3"],
        ["bce", "0.5", "3", "295", "1,300", "+1,005", "0.1000", "0.81234", "0.86234", "+0.05000", "2"],
        ["focal", "0.7", "1", "8.0", "4.8", "-3.2", "0.3000", "0.70000", "0.75000", "+0.05000", "4"],
        ["bce", "0.7", "1", "9.0", "-", "-", "-", "0.60000", "-", "-", "-"],
        # Unpublished trials come last.
        ["focal", "0.5", "3", "-", "12", "-", "0.2000", "-", "0.88000", "-", "1"],
        ["bce", "0.5", "1", "-", "-", "-", "-", "-", "-", "-", "-"],
    ]
    assert "- trial 5 (loss bce, dropout 0.5, epochs 1), seed 42: out of memory" in lines
    assert "Published metrics: a report." in lines
    assert not any("rank correlation" in line for line in lines)


def test_the_table_shows_mean_and_deviation_over_seeds(tmp_path: Path) -> None:
    grid = Grid("g", "G", "mlp", {"train.epochs": [1, 3]}, metrics=["micro_f1"])
    results = read(
        "trial,train.epochs,seed,minutes,micro_f1,run,error\n"
        "1,1,1,2,0.5,a,\n1,1,2,2,0.7,b,\n1,1,3,2,0.9,c,\n2,3,1,6,0.8,d,\n2,3,2,,,e,killed\n"
    )
    lines = report(tmp_path, grid, results, total=2)
    assert cells(lines) == [
        ["epochs", "micro F1", "seeds", "our rank"],
        ["3", "0.8000", "1", "1"],
        # Squared deviations 0.04, 0 and 0.04 over n - 1 = 2.
        ["1", "0.7000 ± 0.2000", "3", "2"],
    ]
    assert lines[2] == "2 of 2 trials finished. Best by micro F1: epochs 3, 0.8000."
    assert "- trial 2 (epochs 3), seed 2: killed" in lines


def test_a_trial_that_diverged_with_one_seed_has_no_rank(tmp_path: Path) -> None:
    grid = Grid("g", "G", "mlp", {"train.epochs": [1, 3]}, metrics=["micro_f1"])
    results = read(
        "trial,train.epochs,seed,minutes,micro_f1,run,error\n"
        "1,1,1,2,0.5,a,\n1,1,2,2,0.5,b,\n2,3,1,6,0.9,c,\n2,3,2,6,,d,\n"
    )
    rows = cells(report(tmp_path, grid, results))[1:]
    assert rows == [["1", "0.5000 ± 0.0000", "2", "1"], ["3", "-", "2", "-"]]


def test_a_search_may_have_more_trials_than_the_grid(tmp_path: Path) -> None:
    """The report of a Hyperband search said "3 of 2 trials"."""
    grid = Grid("g", "G", "mlp", {"train.learning_rate": [0.01, 0.1]})
    results = pd.DataFrame(
        {"trial": [1, 2, 3], "train.learning_rate": [0.01, 0.1, 0.1], "train.epochs": [1, 1, 3]}
    ).assign(micro_f1=[0.5, 0.6, 0.7])
    assert report(tmp_path, grid, results)[2].startswith("3 trials finished. Best by micro F1: ")


def test_lower_losses_rank_first_and_ties_share_a_rank(tmp_path: Path) -> None:
    grid = Grid("g", "G", "mlp", {"seed": [1, 2, 3]}, objective="val_loss", metrics=["val_loss"])
    results = pd.DataFrame(
        {"trial": [1, 2, 3], "seed": [1, 2, 3], "minutes": 1.0, "val_loss": [0.3, 0.1, 0.1]}
    )
    assert cells(report(tmp_path, grid, results))[1:] == [
        ["2", "0.1000", "1"],
        ["3", "0.1000", "1"],
        ["1", "0.3000", "3"],
    ]


def test_rank_correlation_of_published_and_ours(tmp_path: Path) -> None:
    """Spearman: 1 - 6 * (sum of squared rank differences) / (n * (n² - 1))."""
    published = [{"seed": seed, "micro_f1": score} for seed, score in enumerate([0.9, 0.8, 0.7, 0.6])]
    grid = Grid("g", "G", "mlp", {"seed": [0, 1, 2, 3]}, metrics=["micro_f1"], published=published)
    results = pd.DataFrame({"trial": range(4), "seed": range(4), "minutes": 1.0})

    def sentence(scores: list[float]) -> str:
        lines = report(tmp_path, grid, results.assign(micro_f1=scores))
        return next((line for line in lines if "rank correlation" in line), "")

    # Our ranks are 2, 1, 3, 4: 1 - 6 * 2 / 60.
    start = "Spearman's rank correlation between published and our micro F1: "
    assert sentence([0.2, 0.3, 0.1, 0.05]).startswith(f"{start}+0.80 over 4 trials")
    assert sentence([0.1, 0.2, 0.3, 0.4]).startswith(f"{start}-1.00 over 4 trials")
    # Tied ranks are averaged: the correlation of 1, 2, 3, 4 with 1.5, 1.5, 3.5, 3.5 is 4 / sqrt(5 * 4).
    assert sentence([0.3, 0.3, 0.1, 0.1]).startswith(f"{start}+0.89 over 4 trials")
    assert sentence([0.1] * 4) == (
        "No rank correlation: all trials have the same micro F1, published or ours."
    )
    assert sentence([0.1, 0.2, 0.3, float("nan")]) == ""


def test_the_published_best_may_be_our_best(tmp_path: Path) -> None:
    grid = read_grid("report1-lr")
    results = pd.DataFrame(
        {"trial": [1], "train.learning_rate": ["1e-3"], "seed": 1, "minutes": 3.0, "batch_macro_f1": 0.25}
    )
    lines = report(tmp_path, grid, results)
    assert "The published best (0.6143) is the same trial." in lines
    assert cells(lines)[1][-5:] == ["0.6143", "0.2500", "-0.3643", "-", "1"]
    assert [row[0] for row in cells(lines)[1:]] == ["0.001", "0.005", "0.0001", "0.01"]
    assert not (tmp_path / "plots").exists()


def test_a_report_without_finished_trials(tmp_path: Path) -> None:
    lines = report(tmp_path, GRID, pd.DataFrame(), total=5)
    assert lines[2] == "0 of 5 trials finished."
    assert [row[-1] for row in cells(lines)[1:]] == ["-"] * 4


def test_a_search_shows_the_sampled_values(tmp_path: Path) -> None:
    grid = Grid("g", "G", "mlp", {"train.learning_rate": Range(1e-5, 1e-2, log=True)})
    results = pd.DataFrame(
        {
            "trial": [1, 2],
            "train.learning_rate": [0.00123456789, 2e-5],
            "minutes": 1.0,
            "micro_f1": [0.5, 0.6],
        }
    )
    lines = report(tmp_path, grid, results)
    assert lines[2].startswith("2 trials finished.")
    assert cells(lines)[1:] == [["2e-05", "0.6000", "1"], ["0.001235", "0.5000", "2"]]


def test_trials_of_a_search_that_differ_only_in_epochs_are_separate(tmp_path: Path) -> None:
    grid = Grid("g", "G", "mlp", {"train.learning_rate": [0.01, 0.1]}, objective="macro_f1")
    results = read(
        "trial,train.learning_rate,train.epochs,seed,minutes,macro_f1,run,error\n"
        "1,0.01,2,42,1,0.4,a,\n2,0.01,6,42,3,0.6,b,\n3,0.1,2,42,1,0.5,c,\n"
    )
    assert cells(report(tmp_path, grid, results, total=3)) == [
        ["learning_rate", "epochs", "macro F1", "our rank"],
        ["0.01", "6", "0.6000", "1"],
        ["0.1", "2", "0.5000", "2"],
        ["0.01", "2", "0.4000", "3"],
    ]
    assert (tmp_path / "plots" / "main_effects.png").is_file()


def test_plots_are_written_and_shown(tmp_path: Path) -> None:
    lines = report(tmp_path, GRID, read(RESULTS))
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["main_effects.png"]
    assert "![Main effect of each setting](plots/main_effects.png)" in lines
    grid = read_grid("report1-models")
    results = pd.DataFrame(grid.trials()).assign(
        minutes=1.0, train_loss=0.1, val_loss=0.1, batch_macro_f1=0.5
    )
    lines = report(tmp_path / "models", grid, results.assign(trial=range(1, 16), seed=42))
    assert "![Losses and objective of each model over the epochs](plots/model_comparison.png)" in lines
    assert (tmp_path / "models" / "plots" / "model_comparison.png").is_file()


VALUES = st.one_of(
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(1e-9, 1e9).map(lambda value: float(f"{value:.6g}")),
    st.sampled_from(["none", "focal", "auto", "from block_13"]),
    st.lists(st.integers(0, 9), max_size=3),
    st.none(),
)


@given(st.lists(VALUES, min_size=1, max_size=4, unique_by=canonical))
def test_trials_match_their_published_rows_after_a_csv(values: list[Any]) -> None:
    published = [{"seed": value, "micro_f1": place / 10} for place, value in enumerate(values)]
    grid = Grid("g", "G", "mlp", {"seed": values}, metrics=["micro_f1"], published=published)
    written = [value if isinstance(value, str) else json.dumps(value) for value in values]
    table = pd.DataFrame({"seed": written, "micro_f1": range(len(values)), "error": ""})
    trials = join_trials(grid, read(table.to_csv(index=False)))
    assert len(trials) == len(values)
    assert all(trial.mean("micro_f1") == pytest.approx(10 * trial.published["micro_f1"]) for trial in trials)
