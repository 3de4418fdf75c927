"""Stops real commands at random moments, resumes them, and compares the end with an undisturbed run.

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
from tests.chaos.journey import Journey, travel, undisturbed
from tests.chaos.subjects import TRAIN, TUNE, Subject

COUNTS = Path("chaos.csv")
COLUMNS = ("seed", "command", "journey", "disturbance", "code", "difference")
STOPS_OF_A_JOURNEY = {"train": 6, "tune": 4}


def main() -> int:
    """Travel, print each journey as it ends, then the totals over all seeds so far."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", type=int, default=200, metavar="STOPS")
    parser.add_argument("--tune", type=int, default=40, metavar="STOPS")
    parser.add_argument("--jobs", type=int, default=2, help="journeys at a time")
    options = parser.parse_args()
    differed = False
    for subject, stops in ((TRAIN, options.train), (TUNE, options.tune)):
        if stops:
            differed |= _disturb(subject, stops, options.seed, options.jobs)
    _print_totals()
    return int(differed)


def _disturb(subject: Subject, stops: int, seed: int, jobs: int) -> bool:
    """Travel until there were as many stops, several journeys at a time; return whether anything differed."""
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{subject.name}-"))
    expected, total = undisturbed(subject, folder / "undisturbed")
    print(f"{subject.name}: seed {seed}, {total:.0f} s undisturbed, folder {folder}", flush=True)
    start, done, number, differed = time.monotonic(), 0, 0, False

    def journey(number: int) -> Journey:
        most = STOPS_OF_A_JOURNEY[subject.name]
        return travel(subject, folder / str(number), expected, total, f"{seed}-{subject.name}-{number}", most)

    with ThreadPoolExecutor(jobs) as pool:
        while done < stops:
            numbers = range(number, number + jobs)
            for place, each in zip(numbers, pool.map(journey, numbers), strict=True):
                done += _record(subject, seed, place, each)
                differed |= bool(each.differences)
            number += jobs
            left = (time.monotonic() - start) / max(done, 1) * max(stops - done, 0)
            print(f"{subject.name}: {done}/{stops} stops, about {duration(left)} left", flush=True)
    return differed


def _record(subject: Subject, seed: int, number: int, journey: Journey) -> int:
    """Append a journey to the counts and print what differs; return the number of its stops."""
    new = not COUNTS.is_file()
    with COUNTS.open("a", newline="") as stream:
        rows = csv.writer(stream)
        if new:
            rows.writerow(COLUMNS)
        for ended in journey.ended:
            kind = " ".join(ended.disturbance.split()[:2])
            rows.writerow((seed, subject.name, number, kind, ended.code, ""))
        for difference in journey.differences:
            rows.writerow((seed, subject.name, number, "", "", difference))
            print(f"  journey {number}: {difference}", flush=True)
    return sum(ended.disturbance.startswith("stop") for ended in journey.ended)


def _print_totals() -> None:
    with COUNTS.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    done = Counter((row["command"], row["disturbance"]) for row in rows if row["disturbance"])
    differences = Counter(row["command"] for row in rows if row["difference"])
    print(f"\nSeeds so far: {', '.join(sorted({row['seed'] for row in rows}, key=int))}")
    for (command, disturbance), count in sorted(done.items()):
        print(f"  {command}: {disturbance}: {count}")
    for command in sorted({command for command, _ in done}):
        print(f"  {command}: {differences[command]} differences")


if __name__ == "__main__":
    sys.exit(main())
