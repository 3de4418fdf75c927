"""Stops real commands at random moments, resumes them, and compares the end with a reference run.

    python -m tests.chaos                       # 200 stops of train.py, 40 of tune.py, seed 0
    python -m tests.chaos --seed 7 --train 20 --tune 0

Every process and every difference is a line in `chaos.csv` (in the current folder), which accumulates over
seeds; the totals are printed. A folder whose result differs is kept. The exit code is 1 if anything differed.
"""

import argparse
import csv
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kmlc.progress import duration
from tests.chaos.command_specs import TRAIN, TUNE, CommandSpec
from tests.chaos.scenario import Scenario, reference, run_scenario

COUNTS = Path("chaos.csv")
COLUMNS = ("seed", "command", "scenario", "fault", "code", "difference")
MAX_STOPS = {"train": 6, "tune": 4}


def main() -> int:
    """Run scenarios, print each scenario as it ends, then the totals over all seeds so far."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", type=int, default=200, metavar="STOPS")
    parser.add_argument("--tune", type=int, default=40, metavar="STOPS")
    parser.add_argument("--jobs", type=int, default=2, help="scenarios at a time")
    options = parser.parse_args()
    differed = False
    for spec, stops in ((TRAIN, options.train), (TUNE, options.tune)):
        if stops:
            differed |= _run_scenarios(spec, stops, options.seed, options.jobs)
    _print_totals()
    return int(differed)


def _run_scenarios(spec: CommandSpec, stops: int, seed: int, jobs: int) -> bool:
    """Run scenarios, several at a time, until there were as many stops; return whether anything differed."""
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{spec.name}-"))
    expected, total = reference(spec, folder / "reference")
    print(f"{spec.name}: seed {seed}, reference run {total:.0f} s, folder {folder}", flush=True)
    start, done, number, differed = time.monotonic(), 0, 0, False

    def scenario(number: int) -> Scenario:
        most = MAX_STOPS[spec.name]
        return run_scenario(spec, folder / str(number), expected, total, f"{seed}-{spec.name}-{number}", most)

    with ThreadPoolExecutor(jobs) as pool:
        while done < stops:
            numbers = range(number, number + jobs)
            for index, each in zip(numbers, pool.map(scenario, numbers), strict=True):
                done += _record(spec, seed, index, each)
                differed |= bool(each.differences)
            number += jobs
            left = (time.monotonic() - start) / max(done, 1) * max(stops - done, 0)
            print(f"{spec.name}: {done}/{stops} stops, about {duration(left)} left", flush=True)
    return differed


def _record(spec: CommandSpec, seed: int, number: int, scenario: Scenario) -> int:
    """Append a scenario to the counts and print what differs; return the number of its stops."""
    new = not COUNTS.is_file()
    with COUNTS.open("a", newline="") as stream:
        rows = csv.writer(stream)
        if new:
            rows.writerow(COLUMNS)
        for ended in scenario.ended:
            kind = " ".join(ended.fault.split()[:2])
            rows.writerow((seed, spec.name, number, kind, ended.code, ""))
        for difference in scenario.differences:
            rows.writerow((seed, spec.name, number, "", "", difference))
            print(f"  scenario {number}: {difference}", flush=True)
    return sum(ended.fault.startswith("stop") for ended in scenario.ended)


def _print_totals() -> None:
    with COUNTS.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    done = Counter((row["command"], row["fault"]) for row in rows if row["fault"])
    differences = Counter(row["command"] for row in rows if row["difference"])
    print(f"\nSeeds so far: {', '.join(sorted({row['seed'] for row in rows}, key=int))}")
    for (command, fault), count in sorted(done.items()):
        print(f"  {command}: {fault}: {count}")
    for command in sorted({command for command, _ in done}):
        print(f"  {command}: {differences[command]} differences")


if __name__ == "__main__":
    sys.exit(main())
