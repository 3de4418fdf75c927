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
import socket
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from kmlc.errors import UserError
from kmlc.tuning.engines.worker import environment, set_up
from kmlc.tuning.options import Options
from kmlc.tuning.outcome import Outcome, Work
from kmlc.tuning.study import Study

RETRIES = 2
"""How often Ray runs a trial again whose worker or machine was lost."""

CHECK_SECONDS = 60.0
"""How long the nodes have to answer whether they share the disk."""


class Ray:
    """As many slots as there are workers, or as fit into the cluster."""

    attempts = 1  # Ray itself has tried more often.

    def __init__(self, options: Options, folder: Path) -> None:
        self._ray = ray = connect(options.address)
        self._head = ray.get_runtime_context().gcs_address
        self._folder = folder.absolute()
        self.deaths: tuple[type[BaseException], ...] = (
            ray.exceptions.WorkerCrashedError,
            ray.exceptions.NodeDiedError,
            ray.exceptions.OutOfMemoryError,
            ray.exceptions.LocalRayletDiedError,
        )
        try:
            room = self._room(options)
            self._check_disk()
            self.slots = options.workers or room
        except BaseException:
            self.close()
            raise
        resources = {"num_cpus": options.cpus, "num_gpus": options.gpus, "max_retries": RETRIES}
        self._run = ray.remote(**resources)(_run)

    def submit(self, slot: int, work: Work) -> Future[Outcome]:
        """Start a trial in a free slot, from 0."""
        log = self._folder / f"worker-{slot + 1}.txt"
        return self._run.remote(pickle.dumps(work), Path.cwd(), environment(), log).future()

    def check(self) -> None:
        """Raise a `UserError` if the cluster is gone; Ray would wait for it, and its own calls hang."""
        try:
            _call(self._head)
        except OSError as error:
            raise UserError(f"--address {self._head}: the Ray cluster is gone ({error})") from None

    def close(self) -> None:
        """Leave the cluster, which ends the trials that still run."""
        self._ray.shutdown()

    def _room(self, options: Options) -> int:
        """Return how many trials fit on the nodes at a time."""
        needed = {"CPU": options.cpus} | ({"GPU": options.gpus} if options.gpus else {})
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        room = sum(min(int(node.get(name, 0) / needed[name]) for name in needed) for node in nodes)
        if not room:
            have = sorted({f"{node.get('CPU', 0):g} CPUs, {node.get('GPU', 0):g} GPUs" for node in nodes})
            flags = f"--cpus {options.cpus:g} --gpus {options.gpus:g}"
            raise UserError(f"{flags}: more than any node of the cluster has: {'; '.join(have)}")
        return room

    def _check_disk(self) -> None:
        """Let each node read the study's id."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        for node in self._ray.nodes():
            if not node["Alive"]:
                continue
            here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            read = self._ray.remote(num_cpus=0, scheduling_strategy=here)(_identity)
            try:
                found = self._ray.get(read.remote(self._folder), timeout=CHECK_SECONDS)
            except self._ray.exceptions.RayError as error:
                found = str(error).strip().rpartition("\n")[2]
            if found != _identity(self._folder):
                raise UserError(
                    f"{self._folder}: Ray's node {node['NodeManagerAddress']} does not share this "
                    f"directory ({found}); use --run to put the study on a shared disk"
                )


def connect(address: str) -> Any:
    """Join the cluster unless this process has, and return the module `ray`.

    Raises:
        UserError: if Ray is not installed, or no cluster answers.
    """
    # Ray reads these when it is imported. It retries without end after running out of memory otherwise.
    os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "^")  # else a paragraph for each worker that dies
    try:
        import ray
    except ImportError:
        raise UserError('--engine ray: Ray is not installed; pip install "kmlc[ray]"') from None
    if ray.is_initialized():
        return ray
    address = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
    handler = signal.getsignal(signal.SIGTERM)  # Ray sets its own
    try:
        if address != "auto":
            _call(address)
        ray.init(address, log_to_driver=False, logging_level="ERROR")
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"--address {address}: no Ray cluster answers ({reason}); start one with `ray start --head`"
        ) from None
    signal.signal(signal.SIGTERM, handler)
    return ray


def _call(address: str) -> None:
    """Raise an `OSError` if nobody listens at HOST:PORT; Ray itself tries for a minute."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), port), timeout=5).close()


def _identity(folder: Path) -> str:
    return Study(folder).identity


def _run(work: bytes, folder: Path, variables: Mapping[str, str], log: Path) -> Outcome:
    """Run a trial; it is unpickled, and TensorFlow imported, when the environment is set."""
    os.chdir(folder)
    set_up(variables, log)
    return pickle.loads(work)()
