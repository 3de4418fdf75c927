"""The report of a finished run: `report.md` and `plots/`, made from the files in its directory alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from kmlc.config import Config
from kmlc.files import read_json, write_text, write_with
from kmlc.reports import plots
from kmlc.reports.markdown import table
from kmlc.settings import load_config, setting, setting_types
from kmlc.training.prepare import load_vocabulary
from kmlc.training.run_directory import RunDirectory


def write_report(run: RunDirectory) -> None:
    """Write `plots/*.png` and `report.md` of a finished run, over those that are there.

    Example:
        write_report(RunDirectory(Path("runs/2026-01-31-hybrid")))
    """
    config, metrics = load_config(run.config), read_json(run.metrics)
    data, history = read_json(run.data_report)["training"], pd.read_csv(run.history)
    names = load_vocabulary(run).display()
    run.plots.mkdir(exist_ok=True)
    _save(run.plots / "history.png", plots.history(history, config.objective))
    _save(run.plots / "per_class_f1.png", plots.per_class_f1(metrics["per_class"], names))
    _save(run.plots / "label_distribution.png", plots.label_distribution(data["label_counts"]))
    sections = [
        _head(run, config, metrics),
        _figures(config, metrics),
        "![Loss and F1 of every epoch](plots/history.png)",
        _classes(metrics, read_json(run.thresholds), names),
        "![F1 of each label](plots/per_class_f1.png)",
        _data(data, read_json(run.split)),
        "![Rows with each label](plots/label_distribution.png)",
        _settings(config),
        _environment(read_json(run.environment)),
        f"## Predict\n\n    python predict.py --run {run.path} --out submission.csv",
    ]
    write_text(run.report, "\n\n".join(sections) + "\n")


def _save(path: Path, figure: Figure) -> None:
    write_with(path, lambda temporary: figure.savefig(temporary, dpi=150))


def _head(run: RunDirectory, config: Config, metrics: dict[str, Any]) -> str:
    score = metrics["validation"][f"{config.objective}_f1"]
    data = config.data or "the built-in sample"
    return (
        f"# {run.path.name}\n\n"
        f"Model `{config.model}`, {metrics['parameters']:,} parameters, on {data}. "
        f"{config.objective.capitalize()}-F1 on the validation rows: **{score:.4f}** "
        f"(epoch {metrics['best_epoch']} of {metrics['epochs']}, thresholds: {config.thresholds.method})."
    )


def _figures(config: Config, metrics: dict[str, Any]) -> str:
    before, after = metrics["validation_at_0.5"], metrics["validation"]
    rows = [[name.replace("_", " "), _number(before[name]), _number(after[name])] for name in after]
    header = ["figure", "threshold 0.5", f"thresholds {config.thresholds.method}"]
    section = f"## Figures on the validation rows\n\n{table(header, rows)}"
    if config.thresholds.method == "fixed":
        return section
    return section + (
        "\n\nThe thresholds were fitted on these same rows, so the last column is a little better than "
        "new rows will be."
    )


def _classes(metrics: dict[str, Any], thresholds: dict[str, float], names: Sequence[str]) -> str:
    columns = ("support", "precision", "recall", "f1", "average_precision")
    rows = [
        [name, _number(thresholds[label]), *(_number(figures[column]) for column in columns)]
        for name, (label, figures) in zip(names, metrics["per_class"].items(), strict=True)
    ]
    header = ["label", "threshold", "rows", "precision", "recall", "F1", "average precision"]
    return "## Each label on the validation rows\n\n" + table(header, rows)


def _data(data: dict[str, Any], split: dict[str, list[str]]) -> str:
    training, validation = len(split["training"]), len(split["validation"])
    section = (
        f"## Data\n\n{data['file']}: {data['rows']:,} rows, {data['used']:,} used, {training:,} to train on "
        f"and {validation:,} to validate on."
    )
    if not data["findings"]:
        return section
    findings = [
        f"- {each['what']}: {each['count']:,}, {each['rule']} (first: {' '.join(each['rows'][0].split())})"
        for each in data["findings"]
    ]
    return "\n".join([section, "", *findings, "", "Every one of them is listed in `data_report.json`."])


def _settings(config: Config) -> str:
    """Return the settings that differ from kmlc's defaults."""
    default, rows = Config(), []
    for key in setting_types():
        value, usual = setting(config, key), setting(default, key)
        if value != usual:
            rows.append([f"`{key}`", f"`{value}`", f"`{usual}`"])
    if not rows:
        return "## Settings\n\nAll as by default; `config.yaml` has them."
    return "## Settings that differ from the defaults\n\n" + table(["setting", "here", "default"], rows)


def _environment(environment: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    return (
        f"## Environment\n\nPython {environment['python']}, Keras backend {environment['keras_backend']}, "
        f"{environment['cpu_count']} CPU cores, {', '.join(environment['devices'])}; {packages}; "
        f"git commit {environment['git_commit'] or 'unknown'}."
    )


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
