"""The same as processes of their own, as a user types them, with bounds on memory and on time."""

import os
import resource
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import strategies as st

from kmlc.setting_flags import setting_types
from tests.fuzz.harness import Finding, Outcome, Sandbox, fuzz
from tests.fuzz.pictures import BOMBS, VALID
from tests.fuzz.strategies import CAPTIONS, EDITS, NAMES, WILD_VALUES, Edit, Row, edited, rows, valid_csv
from tests.fuzz.submissions import check_submission
from tests.fuzz.test_run_directories import ARGUMENTS, copied, damage
from tests.helpers import ROOT

ADDRESSES = 16_000_000_000
"""The most bytes of address space; TensorFlow reserves some gigabytes that it does not use."""
SECONDS = 240

pytestmark = pytest.mark.slow


def run(sandbox: Sandbox, *arguments: object, writes: tuple[str, ...] = ()) -> Outcome:
    """Run `python -m kmlc`, and check what holds for all commands."""
    before = sandbox.files(writes)
    typed = [sys.executable, "-m", "kmlc", *map(str, arguments)]
    try:
        done = subprocess.run(
            [each.encode("utf-8", "surrogateescape") for each in typed],
            cwd=sandbox.work,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            check=False,
            timeout=SECONDS,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES)),
        )
    except subprocess.TimeoutExpired:
        raise Finding("too slow", " ".join(typed[3:5]), f"more than {SECONDS} s: {typed}") from None
    outcome = Outcome(done.returncode, done.stdout.decode(), done.stderr.decode("utf-8", "replace"))
    outcome.check()
    sandbox.check_files(before, writes)
    return outcome


def predict(sandbox: Sandbox, table: Sequence[Row], name: str) -> Outcome:
    """Predict a table in the folder `in`."""
    text = valid_csv(("ImageID", "Caption"))(table)
    (sandbox.work / "in" / "test.csv").write_text(text, encoding="utf-8", newline="")
    used = sandbox.root / "runs" / name
    return run(sandbox, "predict", "--run", used, "--data", "in", "--out", "s.csv", writes=("s.csv",))


@fuzz("real commands", 50, table=rows(NAMES, CAPTIONS))
def test_tables(sandbox: Sandbox, table: list[Row]) -> None:
    (sandbox.clear() / "in").mkdir()
    check_submission(sandbox, predict(sandbox, table, "words"), [name.strip() for name, _ in table])


@fuzz("real commands", 50, pictures=st.lists(st.tuples(st.sampled_from(sorted(VALID)), EDITS), min_size=20))
def test_images(sandbox: Sandbox, pictures: list[tuple[str, list[Edit]]]) -> None:
    folder = sandbox.clear() / "in" / "data"
    folder.mkdir(parents=True)
    contents = {
        f"{number}-{name}": edited(VALID[name], edits) for number, (name, edits) in enumerate(pictures)
    }
    for name, content in (contents | BOMBS).items():
        (folder / name).write_bytes(content)
    table = [(name, "a dog") for name in contents | BOMBS]
    check_submission(sandbox, predict(sandbox, table, "both"), [name for name, _ in table])


@fuzz(
    "real commands",
    50,
    key=st.sampled_from(sorted(setting_types())),
    value=st.sampled_from([each for each in WILD_VALUES if "\0" not in each and "\ud800" not in each]),
)
def test_settings(sandbox: Sandbox, key: str, value: str) -> None:
    sandbox.clear()
    run(sandbox, "train", f"--{key}={value}", "--print_config")


@fuzz("real commands", 50, **ARGUMENTS)
def test_run_directories(
    sandbox: Sandbox, file: int, how: str, edits: list[Edit], value: object, stranger: bool
) -> None:
    damage(copied(sandbox, "words"), file, how, edits, value, stranger, sandbox.root / "runs" / "both")
    data = sandbox.root / "data"
    run(sandbox, "predict", "--run", "run", "--data", data, "--out", "s.csv", writes=("s.csv",))
