"""A chief and its workers on loopback: who runs what, and what happens when one of them dies."""

import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from keras_tuner.errors import FailedTrialError

from kmlc.errors import UserError
from kmlc.tuning import chief
from tests.tuning.tuning_fakes import (
    PROCESSES,
    TRIALS,
    Fake,
    assert_complete,
    ended,
    grid,
    numbers,
    record,
    start_chief,
    start_worker,
    wait_for,
)


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{chief.free_port()}"


def no_errors(folder: Path) -> Callable[[], list[str]]:
    """Return what fails, instead of waiting for ever, if a worker has ended with an error."""

    def lost() -> list[str]:
        assert not list(folder.glob("*.error"))
        return []

    return lost


def meanwhile(function: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=function)
    thread.start()
    return thread


@pytest.mark.parametrize("count", [2, 3])
def test_workers_share_the_trials(count: int, address: str, tmp_path: Path) -> None:
    # Each worker's first trial goes on only when every worker has one: none is told to wait.
    fake = Fake(tmp_path / "log", start=PROCESSES.Barrier(count))
    workers = {f"w{number}": start_worker(tmp_path, address, f"w{number}", fake) for number in range(count)}
    chief.serve(grid(), tmp_path, address, lambda: ended(workers), patience=60)
    assert_complete(tmp_path)
    assert sorted(numbers(fake.log, "begin")) == list(range(1, TRIALS + 1))
    for worker in workers.values():
        worker.join(60)
        assert worker.exitcode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"log", "oracle.json"}


@pytest.mark.parametrize("told", [True, False])
def test_a_killed_workers_trial_is_taken_up(told: bool, address: str, tmp_path: Path) -> None:
    fake = Fake(tmp_path / "log", seconds=0.1, stuck=1)
    workers = {"killed": start_worker(tmp_path, address, "killed", fake)}

    def kill() -> None:
        wait_for(fake.log, "begin", 1)
        workers["other"] = start_worker(tmp_path, address, "other", fake)
        wait_for(fake.log, "end", 2)
        workers["killed"].kill()

    killing = meanwhile(kill)
    if told:
        chief.serve(grid(), tmp_path, address, lambda: ended(workers), patience=60)
    else:
        chief.serve(grid(), tmp_path, address, None, patience=1)
    killing.join()
    assert_complete(tmp_path)
    assert sorted(numbers(fake.log, "begin")) == [1, *range(1, TRIALS + 1)]
    assert sorted(numbers(fake.log, "end")) == list(range(1, TRIALS + 1))


def test_a_worker_that_comes_back_late_does_no_harm(address: str, tmp_path: Path) -> None:
    """Its trial is interrupted, because another has it by now, and it takes the next."""
    fake = Fake(tmp_path / "log", seconds=0.2, stuck=1, stop=True)
    workers = {"late": start_worker(tmp_path, address, "late", fake)}

    def wake() -> None:
        wait_for(fake.log, "begin", 1)
        workers["other"] = start_worker(tmp_path, address, "other", fake)
        wait_for(fake.log, "begin", 1, times=2)
        os.kill(workers["late"].pid or 0, signal.SIGCONT)

    waking = meanwhile(wake)
    chief.serve(grid(), tmp_path, address, lambda: ended(workers), patience=0.6)
    waking.join()
    assert_complete(tmp_path)
    assert sorted(numbers(fake.log, "end")) == list(range(1, TRIALS + 1))
    for worker in workers.values():
        worker.join(60)
        assert worker.exitcode == 0
    assert not list(tmp_path.glob("*.error"))


def test_a_late_report_does_not_count(address: str, tmp_path: Path) -> None:
    """The other worker's metric stands, whichever comes first."""
    oracle = grid()
    oracle.open(tmp_path)
    with chief._listening(chief._Chief(oracle), address):
        clients = {}
        for name in ("late", "other"):
            channel = grpc.insecure_channel(address)
            asking = chief._Asking(address, name)
            clients[name] = chief._Client(grid(), grpc.intercept_channel(channel, asking))
        trial = clients["late"].create_trial("late")
        oracle.give_up("late")
        again = clients["other"].create_trial("other")
        assert again.trial_id == trial.trial_id
        for moment in ("before", "after"):
            trial.status = "COMPLETED"
            with pytest.raises(FailedTrialError):
                clients["late"].update_trial(trial.trial_id, {"micro_f1": 0.9})
            clients["late"].end_trial(trial)
            assert oracle.ongoing_trials.keys() == ({"other"} if moment == "before" else set())
            if moment == "before":
                clients["other"].update_trial(trial.trial_id, {"micro_f1": 0.1})
                again.status = "COMPLETED"
                clients["other"].end_trial(again)
    assert record(tmp_path)[1]["score"] == 0.1
    assert oracle.end_order == [trial.trial_id]


def test_when_every_worker_is_lost_the_search_ends_and_goes_on_later(address: str, tmp_path: Path) -> None:
    fake = Fake(tmp_path / "log", stuck=5)
    workers = {"only": start_worker(tmp_path, address, "only", fake)}

    def kill() -> None:
        wait_for(fake.log, "begin", 5)
        workers["only"].kill()

    killing = meanwhile(kill)
    with pytest.raises(UserError, match=f"^{address}: every worker was lost; the same command goes on"):
        chief.serve(grid(), tmp_path, address, lambda: ended(workers), patience=60)
    killing.join()
    workers["new"] = start_worker(tmp_path, address, "new", fake)
    chief.serve(grid(), tmp_path, address, lambda: ended(workers), patience=60)
    assert_complete(tmp_path)
    assert numbers(fake.log, "end") == list(range(1, TRIALS + 1))


def test_a_worker_notices_that_the_chief_died(address: str, tmp_path: Path) -> None:
    fake = Fake(tmp_path / "log", stuck=3)
    lead = start_chief(tmp_path, address)
    worker = start_worker(tmp_path, address, "w", fake)
    wait_for(fake.log, "begin", 3)
    lead.kill()
    worker.join(60)
    assert worker.exitcode == 0
    error = (tmp_path / "w.error").read_text()
    assert error.startswith(f"{address}: the chief of the search does not answer")


def test_a_chief_that_was_killed_goes_on_with_its_workers(address: str, tmp_path: Path) -> None:
    fake = Fake(tmp_path / "log", seconds=0.1)
    lead = start_chief(tmp_path, address)
    worker = start_worker(tmp_path, address, "w", fake)
    wait_for(fake.log, "end", 3)
    lead.kill()
    lead.join()
    chief.serve(grid(), tmp_path, address, no_errors(tmp_path), patience=60)
    worker.join(60)
    assert_complete(tmp_path)
    assert not list(tmp_path.glob("*.error"))


def test_a_full_disk_ends_the_chief(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(tmp_path / "log", stuck=2)
    worker = start_worker(tmp_path, address, "w", fake)
    oracle = grid()

    def full() -> None:
        raise UserError("oracle.json: could not be written: No space left on device")

    monkeypatch.setattr(oracle, "_write", full)
    with pytest.raises(UserError, match="No space left"):
        chief.serve(oracle, tmp_path, address, None, patience=60)
    worker.join(60)
    assert (tmp_path / "w.error").read_text().startswith(address)


def test_without_a_chief_a_worker_says_so(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chief, "ANSWER", 0.3)
    said = f"^{address}: the chief of the search does not answer .*; start the chief first, or see whether"
    with pytest.raises(UserError, match=said):
        chief.work(grid(), tmp_path, address, "w", Fake(tmp_path / "log"))


def test_an_address_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=f"^{address}: expected HOST:PORT .* already in use"):
            chief.serve(grid(), tmp_path, address, None, patience=60)


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1:none", "127.0.0.1:70000", "no.such.host:80"])
def test_no_address_is_one_line(address: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"^{address}: expected HOST:PORT"):
        chief.serve(grid(), tmp_path, address, None, patience=60)
