"""A search on several workers: a chief hands out the trials, on KerasTuner's own protocol.

KerasTuner 1.4.8 never notices that a worker died: its trial is lost, and the chief waits for ever. A worker
waits an hour for a chief that died, and asks without a pause while there is nothing to do. Here a worker
makes itself heard while it trains, with the protocol's GetTrial and its own name; one that is not heard of
loses its trial to the next that asks, and what it reports later does not count.
"""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import grpc
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError, FatalError
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer
from keras_tuner.src.distribute.oracle_client import OracleClient

from kmlc.errors import UserError
from kmlc.tuning.oracles import ResumableOracle
from kmlc.tuning.search import RunTrial, TrialTuner

TICK = 0.2
"""Seconds between two looks of the chief at its workers."""

PAUSE = 0.3
"""Seconds before a worker without a trial asks again."""

HEARTBEAT = 2.0
"""Seconds between two signs of life of a worker that trains."""

ANSWER = 30.0
"""Seconds that a worker waits for the chief's answer before it takes it for gone."""

WORKER = "worker"
"""The name under which a request carries its worker's."""


_CHANNEL = [
    ("grpc.enable_http_proxy", 0),
    # Look again soon for a chief that is being started; gRPC waits up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
]


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(
    oracle: ResumableOracle,
    folder: Path,
    address: str,
    lost: Callable[[], Iterable[str]] | None,
    patience: float,
) -> None:
    """Hand out the trials of a search, or those that are left of it, until all are finished.

    It waits for the first worker as long as it takes, and ends when the last was told that nothing is left.

    Args:
        oracle: from `build_oracle`.
        folder: the directory of the study; the state is its `oracle.json`.
        address: "HOST:PORT" to listen on.
        lost: names the workers that are known to have ended, such as processes of this machine; it is asked
            several times a second, and what it raises ends the search.
        patience: seconds after which a worker that was not heard of is taken for lost; several heartbeats.

    Raises:
        UserError: if the address is taken, the state cannot be read or written, or every worker was lost.

    Example:
        serve(build_oracle(...), Path("runs/mine"), "127.0.0.1:8500", None, patience=60)
    """
    oracle.open(folder)
    chief = _Chief(oracle)
    with _listening(chief, address):
        while True:
            time.sleep(TICK)
            if chief.error is not None:
                raise chief.error
            ended = set(lost()) if lost is not None else set()
            gone = {name for name, idle in chief.silence().items() if name in ended or idle > patience}
            for name in gone:
                oracle.give_up(name)
            if chief.silence().keys() <= gone:
                if chief.stop_triggered:
                    return
                if gone:
                    raise UserError(
                        f"{address}: every worker was lost; the same command goes on where it stopped"
                    )


def work(oracle: ResumableOracle, folder: Path, address: str, worker_id: str, run_trial: RunTrial) -> None:
    """Run the trials that a chief hands out, until none is left. To be called from the main thread.

    If the chief dies, or gives this worker's trial to another because it was not heard of, the trial is
    interrupted as by Ctrl-C.

    Args:
        oracle: from `build_oracle`, with what the chief's was built with.
        folder: the directory of the study; nothing is written there but by `run_trial`.
        address: the chief's "HOST:PORT".
        worker_id: a name that no other worker of this chief has.
        run_trial: see `TrialTuner`.

    Raises:
        UserError: if the chief does not answer; or out of `run_trial`, as an OSError too.

    Example:
        work(build_oracle(...), Path("runs/mine"), "127.0.0.1:8500", "worker-1", run_trial)
    """
    with grpc.insecure_channel(address, options=_CHANNEL) as channel:
        client = _Client(oracle, grpc.intercept_channel(channel, _Asking(address, worker_id)))
        _Worker(oracle, folder, run_trial, client, worker_id).run()


class _Chief(OracleServicer):
    """Answers workers, and remembers when each was last heard of.

    Attributes:
        stop_triggered: KerasTuner's: a worker was told that nothing is left.
        error: what broke an answer, or None; it ends the search.
    """

    def __init__(self, oracle: ResumableOracle) -> None:
        super().__init__(oracle)
        self.error: Exception | None = None
        self._heard: dict[str, float] = {}

    def silence(self) -> dict[str, float]:
        """Return the seconds since each worker that was not told to stop was heard of."""
        now = time.monotonic()
        return {name: now - heard for name, heard in self._heard.copy().items()}

    def CreateTrial(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Hand out a trial."""
        name = self._hear(context)
        with self._keeping_errors():
            response = super().CreateTrial(request, context)
        if response.trial.status == TrialStatus.to_proto(TrialStatus.STOPPED):
            del self._heard[name]
        return response

    def GetTrial(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Answer a heartbeat."""
        with self._owned(request.trial_id, context):
            return super().GetTrial(request, context)

    def UpdateTrial(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Take the metrics of a trial."""
        with self._owned(request.trial_id, context), self._keeping_errors():
            return super().UpdateTrial(request, context)

    def EndTrial(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Take the end of a trial."""
        with self._owned(request.trial.trial_id, context), self._keeping_errors():
            return super().EndTrial(request, context)

    def _hear(self, context: grpc.ServicerContext) -> str:
        name = dict(context.invocation_metadata())[WORKER]
        self._heard[name] = time.monotonic()
        return name

    @contextmanager
    def _owned(self, trial_id: str, context: grpc.ServicerContext) -> Iterator[None]:
        """Refuse what a worker says of a trial that it no longer has."""
        name = self._hear(context)
        with self.oracle.changing:
            trial = self.oracle.ongoing_trials.get(name)
            if trial is None or trial.trial_id != trial_id:
                context.abort(grpc.StatusCode.ABORTED, "another worker has this trial")
            yield

    @contextmanager
    def _keeping_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.error = error
            raise


@contextmanager
def _listening(chief: _Chief, address: str) -> Iterator[None]:
    host, _, port = address.rpartition(":")
    try:
        socket.create_server((host, int(port))).close()  # gRPC would say no reason.
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(f"{address}: expected HOST:PORT that can be listened on; {error}") from None
    # One thread: KerasTuner's lock stays locked when an error passes through it, to all threads but the one.
    # Without reuse: Linux would let two chiefs share a port.
    server = grpc.server(ThreadPoolExecutor(max_workers=1), options=[("grpc.so_reuseport", 0)])
    protos.get_service_grpc().add_OracleServicer_to_server(chief, server)
    server.add_insecure_port(address)
    server.start()
    try:
        yield
    finally:
        server.stop(grace=1).wait()


class _Call(NamedTuple):
    """What gRPC wants to know of a call."""

    method: str
    timeout: float | None
    metadata: list[tuple[str, str]]
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: grpc.Compression | None


class _Asking(grpc.UnaryUnaryClientInterceptor):
    """Puts the worker's name to every request, and says what it means when the chief refuses or is silent."""

    def __init__(self, address: str, worker_id: str) -> None:
        self._address = address
        self._worker_id = worker_id

    def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: grpc.ClientCallDetails, request: Any
    ) -> Any:
        """Ask.

        Raises:
            FailedTrialError: if the trial was given to another worker.
            FatalError: if the chief is gone, from a UserError.
        """
        call = _Call(
            method=client_call_details.method,
            timeout=ANSWER,
            metadata=[(WORKER, self._worker_id)],
            credentials=None,
            wait_for_ready=True,
            compression=None,
        )
        end = time.monotonic() + ANSWER
        while (answer := continuation(call, request)).code() == grpc.StatusCode.UNAVAILABLE:
            # The connection broke. The chief may be started again; to be asked twice does it no harm.
            if time.monotonic() > end:
                break
            time.sleep(PAUSE)
        if answer.code() == grpc.StatusCode.ABORTED:
            raise FailedTrialError(answer.details())
        if answer.code() != grpc.StatusCode.OK:
            message = (
                f"{self._address}: the chief of the search does not answer ({answer.code().name}); "
                "start the chief first, or see whether it has ended"
            )
            raise FatalError(message) from UserError(message)
        return answer


class _Client(OracleClient):
    """The chief's oracle as a worker sees it."""

    def __init__(self, oracle: ResumableOracle, channel: grpc.Channel) -> None:
        # Not KerasTuner's own, which takes the address from environment variables.
        self._oracle = oracle
        self.stub = protos.get_service_grpc().OracleStub(channel)
        self.multi_worker = False
        self.should_report = True

    def create_trial(self, tuner_id: str) -> Trial:
        """Wait for a trial, or for the end of the search."""
        while (trial := super().create_trial(tuner_id)).status == TrialStatus.IDLE:
            time.sleep(PAUSE)
        return trial

    def end_trial(self, trial: Trial) -> None:
        """Say that a trial ended; if it is another worker's by now, that one will."""
        with suppress(FailedTrialError):
            super().end_trial(trial)


class _Worker(TrialTuner):
    """Runs the trials of a chief, and makes itself heard meanwhile."""

    def __init__(
        self, oracle: ResumableOracle, folder: Path, run_trial: RunTrial, client: _Client, worker_id: str
    ) -> None:
        super().__init__(oracle, folder, run_trial)
        self.oracle = client
        self.tuner_id = worker_id

    def run_trial(self, trial: Trial, *arguments: Any, **options: Any) -> dict[str, float]:
        """Run a trial and return its objective."""
        with _Heartbeat(self.oracle, trial.trial_id):
            return super().run_trial(trial)


class _Heartbeat:
    """Says every few seconds that the trial is being run; interrupts it if the chief wants it no more."""

    def __init__(self, client: _Client, trial_id: str) -> None:
        self._client = client
        self._trial_id = trial_id
        self._ended = threading.Event()
        self._ending = threading.Lock()
        self._trouble: Exception | None = None
        self._main = threading.get_ident()

    def __enter__(self) -> None:
        threading.Thread(target=self._beat, daemon=True).start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        try:
            with self._ending:
                self._ended.set()
        except KeyboardInterrupt:
            if self._trouble is None:
                raise
        if self._trouble is not None:
            raise self._trouble

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            try:
                self._client.get_trial(self._trial_id)
            except (FailedTrialError, FatalError) as trouble:
                with self._ending:
                    if not self._ended.is_set():
                        self._trouble = trouble
                        # As Ctrl-C does, it ends a sleep or a wait too.
                        signal.pthread_kill(self._main, signal.SIGINT)
                return
