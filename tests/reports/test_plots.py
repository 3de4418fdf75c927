from kmlc.reports.plots import label_distribution


def test_each_panel_has_its_own_scale() -> None:
    superclasses = {"0 bird": 4000, "1 dog": 1000}
    subclasses = {str(number): 10 + number for number in range(40)}
    upper, lower = label_distribution({"superclass": superclasses, "subclass": subclasses}).axes
    assert upper.get_title() == "Labelled rows with each superclass"
    assert [label.get_text() for label in upper.get_yticklabels()] == ["1 dog", "0 bird"]
    assert lower.get_title().endswith("each subclass: the 15 commonest and the 15 rarest of 40")
    assert [bar.get_width() for bar in lower.containers[0]] == [*range(10, 25), 0, *range(35, 50)]
    assert upper.get_xlim()[1] > 4000 > 100 > lower.get_xlim()[1]
