"""The loop of a search: ask the oracle for trials, let the engine run them, tell the oracle the results."""

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

from kmlc.errors import UserError
from kmlc.tuning.engines import Engine, Work
from kmlc.tuning.oracles import ResumableOracle
from kmlc.tuning.outcome import Outcome

Begin = Callable[[int, Mapping[str, Any]], Work]
"""Prepares a trial, by its number from 1 and its values by dotted key."""

End = Callable[[int, Outcome], None]
"""Records how a trial ended, by its number."""


def search(oracle: ResumableOracle, folder: Path, engine: Engine, begin: Begin, end: End) -> None:
    """Run the trials of a search, or those that are left of it.

    A trial whose worker dies is submitted again, and fails after the engine's number of attempts.

    Args:
        oracle: from `build_oracle`.
        folder: the directory of the study; the state is its `oracle.json`.
        engine: runs the trials.
        begin: prepares a trial.
        end: called before the oracle is told.

    Raises:
        UserError: if the state cannot be read or written, if an outcome ends the search, or out of `begin`
            and `end`.

    Example:
        def begin(number, values):
            return functools.partial(Outcome, {"micro_f1": 1 / number})

        search(oracle, Path("runs/mine"), Inline(Options(), Path()), begin, lambda number, outcome: None)
    """
    oracle.open(folder)
    objective = oracle.objective.name
    running: dict[Future[Outcome], tuple[int, int]] = {}
    free, deaths = set(range(engine.slots)), Counter[int]()
    while True:
        for slot in sorted(free):
            asked = oracle.ask(slot)
            if asked is None:
                break
            number, values = asked
            running[engine.submit(slot, begin(number, values))] = slot, number
            free.remove(slot)
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            slot, number = running.pop(future)
            free.add(slot)
            try:
                outcome = future.result()
            except engine.deaths as death:
                deaths[number] += 1
                if deaths[number] < engine.attempts:
                    print(f"trial {number}: its worker died; trying again", flush=True)
                    oracle.give_up(slot)
                    continue
                outcome = Outcome(error=f"its worker died each time that it was tried: {_line(death)}")
            except (
                Exception
            ) as error:  # before the trial itself began, such as a module that is missing there
                outcome = Outcome(error=_line(error))
            if outcome.ends_search:
                raise UserError(outcome.error)
            end(number, outcome)
            oracle.tell(slot, None if outcome.error else outcome.metrics[objective])


def _line(error: BaseException) -> str:
    """Return what an error says, whose traceback in a worker may come before it."""
    return f"{type(error).__name__}: {str(error).strip().rpartition(chr(10))[2]}"[:300]
