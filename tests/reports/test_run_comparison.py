"""The tables of a comparison."""

from pathlib import Path

from kmlc.files import read_json
from kmlc.reports.evaluation_files import Subject
from kmlc.reports.run_comparison import ComparisonReport
from kmlc.tasks.comparison import Comparison, Difference, McNemar
from kmlc.tasks.evaluation import Estimate

REPORT = ComparisonReport(
    Subject("runs/a", "runs/b", "the test rows of runs/a", ["not compared: 3 rows of A"], 1000, 42),
    Comparison(
        500,
        {
            "micro_f1": Difference(0.8, 0.75, Estimate(0.05, 0.01, 0.09), 0.012),
            "macro_map": Difference(None, None, Estimate(None, None, None), None),
        },
        McNemar("all labels of a row", 30, 10, 0.0022, 0.0022),
        [McNemar("dog", 1, 0, 1.0, 1.0), McNemar("cat", 20, 5, 0.004, 0.008)],
    ),
)


def test_the_screen_shows_both_runs() -> None:
    assert REPORT.screen() == (
        "A is runs/a, B is runs/b\n"
        "500 rows: the test rows of runs/a\n"
        "95% intervals: 1,000 resamples of the rows, seed 42\n"
        "note: not compared: 3 rows of A\n"
        "\n"
        "metrics         A       B                    A - B       p\n"
        "micro F1   0.8000  0.7500  0.0500 [0.0100, 0.0900]  0.0120\n"
        "macro mAP       -       -                        -       -\n"
        "\n"
        "McNemar's test       only A right  only B right       p  p (Holm)\n"
        "all labels of a row            30            10  0.0022    0.0022\n"
        "dog                             1             0  1.0000    1.0000\n"
        "cat                            20             5  0.0040    0.0080"
    )


def test_the_files_have_every_number(tmp_path: Path) -> None:
    REPORT.write(tmp_path)
    saved = read_json(tmp_path / "evaluation.json")
    assert saved["metrics"]["micro_f1"] == {
        **{"one": 0.8, "other": 0.75, "p": 0.012},
        "difference": {"value": 0.05, "low": 0.01, "high": 0.09},
    }
    assert saved["labels"][1] == {"name": "cat", "only_one": 20, "only_other": 5, "p": 0.004, "p_holm": 0.008}
    lines = (tmp_path / "evaluation.csv").read_text().splitlines()
    assert "difference,,,micro_f1,0.05,0.01,0.09,500" in lines
    assert "McNemar,,cat,p_holm,0.008,,,500" in lines
    page = (tmp_path / "evaluation.md").read_text()
    assert page.startswith("# runs/a against runs/b\n\n- A is runs/a, B is runs/b\n")
    assert "| cat | 20 | 5 | 0.0040 | 0.0080 |" in page
