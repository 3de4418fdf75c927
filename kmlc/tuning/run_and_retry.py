"""The loop of a search: ask the oracle for trials, run them, retry lost ones, tell the oracle the results."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from traceback import format_exception

from kmlc.errors import UserError
from kmlc.tuning.engines import Engine
from kmlc.tuning.grid import Values
from kmlc.tuning.oracles import ResumableOracle
from kmlc.tuning.outcome import Outcome, Work

Begin = Callable[[int, Values], Work]
"""Prepares a trial, by its number from 1 and its values by dotted key."""

End = Callable[[int, Outcome], object]
"""Records how a trial ended, by its number."""

CHECK_SECONDS = 5.0
"""How often the engine is checked while trials run."""


def search(oracle: ResumableOracle, engine: Engine, begin: Begin, end: End) -> None:
    """Run the trials that are left of a search.

    A trial whose worker dies is started again, and fails after the engine's number of attempts. `end` is
    called before `oracle.tell`.

    Raises:
        UserError: if the state cannot be written, if an outcome ends the search, or out of
            `begin`, `end` and the engine's `check`.
    """
    objective = oracle.objective.name
    running: dict[Future[Outcome], tuple[int, int, Values]] = {}
    free, deaths = set(range(engine.slots)), Counter[int]()
    while True:
        for slot in sorted(free):
            asked = oracle.ask(slot)
            if asked is None:
                break
            free.remove(slot)
            running[engine.submit(slot, begin(*asked))] = slot, *asked
        if not running:
            return
        done = wait(running, CHECK_SECONDS, FIRST_COMPLETED).done
        engine.check()
        for future in done:
            slot, number, values = running.pop(future)
            try:
                outcome = future.result()
            except engine.deaths as death:
                deaths[number] += 1
                if deaths[number] < engine.attempts:
                    print(f"trial {number}: its worker died; trying again", flush=True)
                    running[engine.submit(slot, begin(number, values))] = slot, number, values
                    continue
                outcome = Outcome(error=f"its worker died each time that it was tried: {_line(death)}")
            except Exception as error:  # before the trial itself, such as a module that is missing there
                outcome = Outcome(error=_line(error), details="".join(format_exception(error)))
            if outcome.ends_search:
                raise UserError(outcome.error)
            end(number, outcome)
            oracle.tell(slot, None if outcome.error else outcome.metrics[objective])
            free.add(slot)


def _line(error: BaseException) -> str:
    """Return what an error says, whose traceback in a worker may come before it."""
    return f"{type(error).__name__}: {str(error).strip().rpartition(chr(10))[2]}"[:300]
