from datetime import date
from pathlib import Path

import pandas as pd

from kmlc.config import CaptionsConfig, Config, ImagesConfig
from kmlc.files import write_json
from kmlc.reports.grid_notes import notes, unread_captions
from kmlc.settings import save_config
from kmlc.training.run_directory import RunDirectory

RUNS = ["trials/01-seed42", "trials/02-seed42"]
RESULTS = pd.DataFrame({"trial": [1, 2], "seed": 42, "run": RUNS, "error": ["out of memory", ""]})
COMMAND = "Command: `kmlc tune --grid tiny`, which took 60 min in all"


def test_command_data_machine_and_date_of_the_first_finished_run(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "trials" / "02-seed42")
    run.path.mkdir(parents=True)
    save_config(run.config, Config(images=ImagesConfig(size=224)))
    write_json(run.split, {"training": ["1"] * 1500, "validation": ["2"], "test": []})
    machine = {
        "cpu_count": 4,
        "devices": ["CPU"],
        "packages": {"tensorflow": "2.21.0", "keras": "3.15.1"},
        "platform": "Linux",
    }
    write_json(run.environment, machine)
    write_json(run.metrics, {"diverged": "loss became NaN at step 17 in epoch 3"})
    run.start()
    run.finish()
    assert notes(tmp_path, RESULTS, 3600.0, ["--grid", "tiny"]) == [
        COMMAND,
        "Data: the built-in sample, 1,500 training rows, 1 validation row, images of 224x224",
        "Machine: Linux, 4 cores, CPU; tensorflow 2.21.0, keras 3.15.1",
        "Trial 2, seed 42: loss became NaN at step 17 in epoch 3; the metrics are of its best epoch before",
        f"Date: {date.today().isoformat()}",
    ]


def test_a_study_without_a_finished_run(tmp_path: Path) -> None:
    assert notes(tmp_path, RESULTS[:1], 3600.0, ["--grid", "tiny"]) == [
        COMMAND,
        f"Date: {date.today().isoformat()}",
    ]


def test_encoders_that_read_nothing_are_named(tmp_path: Path) -> None:
    """Equal rows of a table of caption encoders would be taken for a result."""
    names = ["bert", "bigram", "none"]
    results = pd.DataFrame(
        {"trial": [1, 2, 3], "seed": 42, "captions.encoder": names, "run": names, "error": ""}
    )
    for name in names:
        run = RunDirectory(tmp_path / name)
        run.path.mkdir()
        save_config(run.config, Config(captions=CaptionsConfig("none")))
        write_json(run.split, {})
        machine = {"cpu_count": 1, "devices": [], "packages": {"tensorflow": "", "keras": ""}, "platform": ""}
        write_json(run.environment, machine)
        write_json(run.metrics, {})
        run.start()
        run.finish()
    (line,) = unread_captions(tmp_path, results)
    assert line == (
        "Captions: bert, bigram read nothing in any training caption; these trials were trained "
        "without captions"
    )
    assert notes(tmp_path, results, 1.0, [])[-2] == line
    assert unread_captions(tmp_path, results[2:]) == []
