import warnings
from pathlib import Path

from matplotlib.image import imread

from kmlc.plotting import bar_panels, save_plot, short


def test_a_script_that_the_font_lacks_is_drawn_without_a_word(tmp_path: Path) -> None:
    """Ten warnings with lines of source came for each plot."""
    figure, _ = bar_panels(["日本語", short("l" * 250), short("a\tb\x1b[31m")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_plot(tmp_path / "plot.png", figure)
    assert imread(tmp_path / "plot.png").shape[1] == 8.5 * 150


def test_names_are_cut_and_have_no_control_characters() -> None:
    """A label of 250 characters left no room for the plot."""
    assert short("l" * 40) == "l" * 40
    assert short("l" * 250) == "l" * 39 + "…"
    assert short("a\tb\nc\x1b[1m", 99) == r"a\tb\nc\x1b[1m"
