"""What the files of a stranger's run may bring into its report."""

from kmlc.reports.report import _data, _environment


def test_strings_of_a_run_are_escaped() -> None:
    """Escape sequences of a terminal, and markup, reached report.md."""
    bad = "\x1b[31m<b>"
    environment = {
        **{"python": bad, "keras_backend": bad, "cpu_count": 2, "devices": [bad]},
        **{"packages": {bad: bad}, "git_commit": bad},
    }
    finding = {"what": bad, "count": 1, "action": bad, "rows": [bad]}
    data = {"file": bad, "rows": 1, "used": 1, "findings": [finding]}
    for text in (_environment(environment), _data(data, {"training": []})):
        assert r"\\x1b\[31m\<b\>" in text
        assert "\x1b" not in text
        assert "<b>" not in text.replace(r"\<b\>", "")
