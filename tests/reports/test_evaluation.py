"""The tables of an evaluation, and of a comparison."""

from dataclasses import replace
from pathlib import Path

from kmlc.files import read_json
from kmlc.reports.evaluation import EvaluationReport
from kmlc.reports.evaluation_files import Section, Subject, estimated, narrow, number, slice_name
from kmlc.tasks.evaluation import CLASS_METRICS, ClassEvaluation, Estimate, Evaluation, SliceEvaluation
from kmlc.training.outputs import EVALUATION_FILES

SUBJECT = Subject(
    "runs/a", None, "the test rows of runs/a", ["thresholds were chosen on these rows"], 1000, 42
)
HALF = Estimate(0.5, 0.25, 0.75)
NONE = Estimate(None, None, None)


def report(classes: int = 2, **metrics: Estimate) -> EvaluationReport:
    names = ["a|b <i>", *(f"label {number} with a long name for a table" for number in range(1, classes))]
    evaluation = Evaluation(
        1200,
        {"micro_f1": HALF, "macro_map": NONE, **metrics},
        [
            ClassEvaluation(name, 10 * place, dict.fromkeys(CLASS_METRICS, NONE if place else HALF))
            for place, name in enumerate(names)
        ],
        [SliceEvaluation("caption", "without", 7, {"micro_f1": HALF, "macro_map": NONE})],
    )
    return EvaluationReport(SUBJECT, evaluation, ("micro_f1", "macro_map"))


def test_numbers_and_their_intervals() -> None:
    assert (number(None), number(0.12345)) == ("-", "0.1235")
    assert (estimated(HALF), narrow(HALF)) == ("0.5000 [0.2500, 0.7500]", "0.500 0.25-0.75")
    without = Estimate(0.0, None, None)
    assert (estimated(without), narrow(without), estimated(NONE), narrow(NONE)) == (
        "0.0000",
        "0.000",
        "-",
        "-",
    )


def test_the_screen_shows_the_tables() -> None:
    assert report().screen() == (
        "1,200 rows: the test rows of runs/a\n"
        "95% intervals: 1,000 resamples of the rows, seed 42\n"
        "note: thresholds were chosen on these rows\n"
        "\n"
        "metrics                      value\n"
        "micro F1   0.5000 [0.2500, 0.7500]\n"
        "macro mAP                        -\n"
        "\n"
        "slices            rows                 micro F1  macro mAP\n"
        "caption: without     7  0.5000 [0.2500, 0.7500]          -\n"
        "\n"
        "labels                    rows        precision           recall               F1               AP\n"
        "a|b <i>                      0  0.500 0.25-0.75  0.500 0.25-0.75  0.500 0.25-0.75  0.500 0.25-0.75\n"
        "label 1 with a long nam…    10                -                -                -                -"
    )


def test_the_screen_is_100_wide_and_has_the_largest_classes() -> None:
    lines = report(classes=1000).screen().splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[-1] == "  25 of 1,000 are shown; evaluation.md has all"
    assert lines[-2].startswith("label 999 with a long n…  9,990")
    assert sum(line.startswith("label 9") for line in lines) == 25


def test_slices_of_a_long_column_have_their_values_on_the_screen() -> None:
    """The name of the column took all 24 characters, and each slice looked the same."""
    values = ["above 20240107 to 20240114", "above 20240114 to 20240121"]
    metrics = {"micro_f1": HALF, "macro_map": HALF}
    slices = [SliceEvaluation("the day on which it was taken", value, 7, metrics) for value in values]
    found = replace(report(), evaluation=replace(report().evaluation, slices=slices)).screen().splitlines()
    shown = [line for line in found if line.startswith("the day")]
    assert [line.partition("  ")[0] for line in shown] == [f"the day on …: {value}" for value in values]
    assert max(map(len, found)) <= 100


def test_the_name_of_a_slice_keeps_a_part_of_the_column() -> None:
    assert slice_name("a column of words", "x" * 90, 40) == f"a colum…: {'x' * 90}"
    assert slice_name("source", "web", 40) == "source: web"


def test_wide_characters_take_two_columns() -> None:
    section = Section("labels", ["label", "rows"], [["自行车", "1"], ["bicycle", "20"]])
    assert section.screen() == "labels   rows\n自行车      1\nbicycle    20"


def test_a_metric_outside_its_interval_is_explained() -> None:
    assert "outside of its own interval" not in report().screen()
    shown = report(macro_f1=Estimate(0.9, 0.1, 0.2)).screen()
    assert "note: outside of its own interval: macro F1; resamples repeat rows" in shown


def test_the_files_have_every_number(tmp_path: Path) -> None:
    report(classes=30).write(tmp_path / "new")
    assert {each.name for each in (tmp_path / "new").iterdir()} == set(EVALUATION_FILES)
    saved = read_json(tmp_path / "new" / "evaluation.json")
    assert (saved["run"], saved["rows"], len(saved["classes"])) == ("runs/a", 1200, 30)
    assert saved["metrics"]["micro_f1"] == {"value": 0.5, "low": 0.25, "high": 0.75}
    lines = (tmp_path / "new" / "evaluation.csv").read_text().splitlines()
    assert lines[:3] == [
        "what,slice,class,metric,value,low,high,rows",
        "metric,,,micro_f1,0.5,0.25,0.75,1200",
        "metric,,,macro_map,,,,1200",
    ]
    assert lines[3:5] == ["class,,a|b <i>,support,0,,,1200", "class,,a|b <i>,precision,0.5,0.25,0.75,1200"]
    assert lines[-2] == "slice,caption: without,,micro_f1,0.5,0.25,0.75,7"
    page = (tmp_path / "new" / "evaluation.md").read_text()
    assert r"| a\|b \<i\> | 0 | 0.5000 [0.2500, 0.7500] |" in page
    assert page.count("\n| label ") == 30
