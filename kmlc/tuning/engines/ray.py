"""Trials on a Ray cluster, whose nodes share the disk of the study; needs `pip install "kmlc[ray]"`.

    ray start --head                                         # on one machine
    ray start --address HOST:6379                            # on each of the others
    python tune.py --grid report2 --engine ray --cpus 4      # on any of them

Ray keeps the trials to the CPUs and GPUs that are free, and runs those of a lost machine on another one. Its
ports let whoever reaches them run code: `ray get-auth-token --generate` and RAY_AUTH_MODE=token on each
machine ask for a token.
"""

import os
import pickle
import signal
import uuid
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

from kmlc.errors import UserError
from kmlc.files import write_text
from kmlc.tuning.engines.worker import environment, set_up
from kmlc.tuning.options import Options
from kmlc.tuning.outcome import Outcome, Work

RETRIES = 2
"""How often Ray runs a trial again whose worker or machine was lost."""

CHECK_SECONDS = 60.0
"""How long the nodes have to answer whether they share the disk."""


class Ray:
    """As many slots as there are workers, or as fit into the cluster."""

    attempts = 1  # Ray itself has tried more often.

    def __init__(self, options: Options, folder: Path) -> None:
        # Ray reads these when it is imported. It retries without end after running out of memory otherwise.
        os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
            from ray import exceptions
        except ImportError:
            raise UserError('--engine ray: Ray is not installed; pip install "kmlc[ray]"') from None
        self._ray, self._folder = ray, folder.absolute()
        self.deaths: tuple[type[BaseException], ...] = (
            exceptions.WorkerCrashedError,
            exceptions.NodeDiedError,
            exceptions.OutOfMemoryError,
            exceptions.LocalRayletDiedError,
        )
        handler = signal.getsignal(signal.SIGTERM)  # Ray sets its own
        try:
            ray.init(options.address, log_to_driver=False, logging_level="ERROR")
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise UserError(
                f"--address {options.address}: no Ray cluster answers ({reason}); start one with "
                "`ray start --head`"
            ) from None
        signal.signal(signal.SIGTERM, handler)
        try:
            self._check_disk()
            self.slots = options.workers or self._room(options)
        except BaseException:
            self.close()
            raise
        resources = {"num_cpus": options.cpus, "num_gpus": options.gpus, "max_retries": RETRIES}
        self._run = ray.remote(**resources)(_run)

    def submit(self, slot: int, work: Work) -> Future[Outcome]:
        """Start a trial in a free slot, from 0."""
        log = self._folder / f"worker-{slot + 1}.txt"
        return self._run.remote(pickle.dumps(work), Path.cwd(), environment(), log).future()

    def close(self) -> None:
        """Leave the cluster, which ends the trials that still run."""
        self._ray.shutdown()

    def _room(self, options: Options) -> int:
        """Return how many trials fit on the nodes at a time."""
        needed = {"CPU": options.cpus, "GPU": options.gpus}
        total = self._ray.cluster_resources()
        fits = [int(total.get(name, 0) / amount) for name, amount in needed.items() if amount]
        if not min(fits, default=1):
            raise UserError(
                f"--cpus {options.cpus:g} --gpus {options.gpus:g}: more than the cluster has: "
                f"{total.get('CPU', 0):g} CPUs, {total.get('GPU', 0):g} GPUs"
            )
        return min(fits, default=1)

    def _check_disk(self) -> None:
        """Let each node read a file that this one has just written into the study."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        file, text = self._folder / ".shared-disk", uuid.uuid4().hex
        write_text(file, text)
        try:
            for node in self._ray.nodes():
                if not node["Alive"]:
                    continue
                here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                read = self._ray.remote(num_cpus=0, scheduling_strategy=here)(_read)
                try:
                    found = self._ray.get(read.remote(file), timeout=CHECK_SECONDS)
                except self._ray.exceptions.RayError as error:
                    found = str(error).strip().rpartition("\n")[2]
                if found != text:
                    raise UserError(
                        f"{self._folder}: Ray's node {node['NodeManagerAddress']} does not share this "
                        f"directory ({found or 'other content'}); use --run to put the study on a shared disk"
                    )
        finally:
            file.unlink(missing_ok=True)


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _run(work: bytes, folder: Path, variables: Mapping[str, str], log: Path) -> Outcome:
    """Run a trial; it is unpickled, and TensorFlow imported, when the environment is set."""
    os.chdir(folder)
    set_up(variables, log)
    return pickle.loads(work)()
