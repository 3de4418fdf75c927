import io

import pytest

from kmlc.progress import ProgressBar, duration
from tests.helpers import Terminal


class Clock:
    """A clock that only the test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ticking(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("tqdm.std.time", clock)
    return clock


def test_elsewhere_a_line_is_printed_every_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, stream = ticking(monkeypatch), io.StringIO()
    with ProgressBar(300, "epoch 2/3: step", step=8, stream=stream) as bar:
        for _ in range(130):
            clock.now += 1
            bar.set_postfix_str("loss 0.5000", refresh=False)
            bar.update()
    assert stream.getvalue().splitlines() == [
        "epoch 2/3: step 60/300, loss 0.5000, 8.0 rows/s, 4 min left",
        "epoch 2/3: step 120/300, loss 0.5000, 8.0 rows/s, 3 min left",
    ]


def test_a_slow_step_does_not_delay_the_next_line(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, stream = ticking(monkeypatch), io.StringIO()
    with ProgressBar(10, "step", stream=stream) as bar:
        for seconds in (1, 100, 100, 10, 100):
            clock.now += seconds
            bar.update()
    assert [line.split(",")[0] for line in stream.getvalue().splitlines()] == [
        "step 2/10",
        "step 3/10",
        "step 5/10",
    ]


def test_a_terminal_shows_one_bar_and_clears_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, stream = ticking(monkeypatch), Terminal()
    with ProgressBar(40, "predicting: step", step=32, stream=stream) as bar:
        for _ in range(20):
            clock.now += 1
            bar.update()
        shown = stream.getvalue().split("\r")
    assert "\n" not in stream.getvalue()
    assert len(shown) == 21
    assert shown[-1] == "predicting: step 20/40, 32 rows/s, 20 s left  |#####     |"
    assert stream.getvalue().split("\r")[-2].strip() == ""


def test_short_work_shows_nothing() -> None:
    for stream in (io.StringIO(), Terminal()):
        with ProgressBar(2, "step", stream=stream) as bar:
            bar.update()
        assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5300, "88 min"), (5400, "1 h 30 min"), (12000, "3 h 20 min")],
)
def test_a_duration_is_in_seconds_then_minutes_then_hours(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected
