"""The report of a finished run: `report.md` and `plots/`."""

from typing import Any

import pandas as pd

from kmlc.config import Config
from kmlc.files import read_json, write_text
from kmlc.markdown import code, counted, escape, format_number, markdown_table, metric_title
from kmlc.plotting import save_plot
from kmlc.printable import one_line
from kmlc.program import quoted
from kmlc.reports import plots
from kmlc.reports.augmentation import contact_sheet
from kmlc.setting_flags import setting_types
from kmlc.settings import load_config, setting
from kmlc.tasks.task import Task
from kmlc.training.manifest import verified
from kmlc.training.run_directory import RunDirectory
from kmlc.training.run_files import load_split, load_task, load_thresholds, load_validation


def write_report(run: RunDirectory) -> None:
    """Write `report.md`, its tables and `plots/*.png` of a finished run; existing files are replaced.

    A later call writes the same; images that no longer exist keep their plot.

    Example:
        write_report(RunDirectory(Path("runs/2026-01-31-hybrid")))
    """
    config, metrics = load_config(verified(run.config)), read_json(verified(run.metrics))
    data, history = read_json(verified(run.data_report))["training"], pd.read_csv(verified(run.history))
    task = load_task(run)
    run.plots.mkdir(exist_ok=True)
    save_plot(run.plots / "training_metrics.png", plots.history(history, task.curves, metrics["best_epoch"]))
    panels = task.label_panels(data["label_counts"])
    save_plot(run.plots / "label_distribution.png", plots.label_distribution(panels))
    labels, logits = load_validation(run, task)
    sections = [
        _head(run, config, metrics, task),
        *([f"Training stopped: {escape(metrics['diverged'])}."] if metrics.get("diverged") else []),
        _metrics(metrics),
        "![Loss and metrics of every epoch](plots/training_metrics.png)",
        *task.report_sections(run.path, metrics, load_thresholds(run, task), labels, logits),
        _data(data, load_split(run)),
        "![Rows with each label](plots/label_distribution.png)",
        *_augmentation(run),
        _settings(config),
        _environment(read_json(verified(run.environment))),
        # The same in every report of the run, whichever command writes it.
        "## Predict\n\n    python -m kmlc predict "
        + one_line(quoted("--run", run.path, "--out", "submission.csv")),
    ]
    write_text(run.report, "\n\n".join(sections) + "\n")


def _head(run: RunDirectory, config: Config, metrics: dict[str, Any], task: Task) -> str:
    score = metrics["validation"][task.objective]
    data = escape(config.data) if config.data else "the built-in rows"
    title = metric_title(task.objective)
    return (
        f"# {escape(run.path.name)}\n\n"
        f"Model {code(config.model)}, {metrics['parameters']:,} parameters, on {data}. "
        f"{title[0].upper()}{title[1:]} on the validation rows: **{score:.4f}** "
        f"(epoch {metrics['best_epoch']} of {metrics['epochs']})."
    )


def _metrics(metrics: dict[str, Any]) -> str:
    splits = ("validation", "test", "training")
    columns: dict[str, dict[str, Any]] = {name: metrics[name] for name in splits if name in metrics}
    at_half = metrics["details"]["validation"].get("at_0.5")
    if at_half:
        columns = {"validation at 0.5": at_half} | columns
    rows = [
        [metric_title(name), *(format_number(column[name]) for column in columns.values())]
        for name in metrics["validation"]
    ]
    return f"## Metrics\n\n{markdown_table(['metric', *columns], rows)}"


def _data(data: dict[str, Any], split: dict[str, list[str]]) -> str:
    splits = ", ".join(f"{len(ids):,} {name}" for name, ids in split.items())
    rows = f"{counted(data['rows'], 'row')}, {data['used']:,} used"
    section = f"## Data\n\n{escape(data['file'])}: {rows} ({splits})."
    if not data["findings"]:
        return section
    findings = [
        f"- {escape(each['what'])}: {each['count']:,}, {escape(each['action'])} "
        f"(first: {escape(each['rows'][0])})"
        for each in data["findings"]
    ]
    return "\n".join([section, "", *findings, "", "Every one of them is listed in `data_report.json`."])


def _augmentation(run: RunDirectory) -> list[str]:
    """Write `plots/augmentation.png` and return its section, none for a run without images."""
    figure, plot = contact_sheet(run), run.plots / "augmentation.png"
    if figure is not None:
        save_plot(plot, figure)
    elif not plot.is_file():
        return []
    return [
        "## Augmentation\n\nThe first training images, and their augmentations in the first epochs.",
        "![Training images and their augmentations](plots/augmentation.png)",
    ]


def _settings(config: Config) -> str:
    """Return the settings that differ from kmlc's defaults."""
    default, rows = Config(), []
    for key in setting_types():
        value, usual = setting(config, key), setting(default, key)
        if value != usual:
            rows.append([code(str(each)) for each in (key, value, usual)])
    if not rows:
        return "## Settings\n\nAll have their defaults; they are in `config.yaml`."
    return "## Settings that differ from the defaults\n\n" + markdown_table(
        ["setting", "here", "default"], rows
    )


def _environment(environment: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    text = (
        f"Python {environment['python']}, Keras backend {environment['keras_backend']}, "
        f"{environment['cpu_count']} CPU cores, {', '.join(environment['devices'])}; {packages}; "
        f"git commit {environment['git_commit'] or 'unknown'}."
    )
    return f"## Environment\n\n{escape(text)}"
