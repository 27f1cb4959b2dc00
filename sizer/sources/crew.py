"""Workers that never outlive the main thread: many blocking reads at once, and Ctrl-C ends them all.

The standard pool waits for its threads when the interpreter exits, so one stalled read would hold the
terminal. These threads are daemons, and whoever waits for them does so in short steps.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

__all__ = ["Crew", "Job"]

T = TypeVar("T")
_STEP_SECONDS = 0.2


class Job(Generic[T]):
    """One call, under way or done."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._done = threading.Event()
        self._listeners: list[queue.SimpleQueue[Job[Any]]] = []
        self._lock = threading.Lock()
        self.result: T | None = None
        self.error: Exception | None = None
        self.started: float | None = None

    @property
    def is_done(self) -> bool:
        """Whether it has a result or an error."""
        return self._done.is_set()

    def begin(self) -> None:
        """Count the time from now on."""
        self.started = time.monotonic()

    def run(self) -> None:
        """Do it, in the calling thread."""
        self.begin()
        try:
            self.settle(self._call(), None)
        except Exception as error:
            self.settle(None, error)

    def settle(self, result: T | None, error: Exception | None) -> None:
        """Give it its outcome; the first one stays."""
        with self._lock:
            if self._done.is_set():
                return
            self.result, self.error = result, error
            self._done.set()
            listeners = self._listeners
        for listener in listeners:
            listener.put(self)

    def notify(self, listener: queue.SimpleQueue[Job[Any]]) -> None:
        """Put this job into `listener` when it is done, or now if it is."""
        with self._lock:
            if not self._done.is_set():
                self._listeners.append(listener)
                return
        listener.put(self)

    def wait(self) -> T:
        """Its result, once there; raises its error."""
        while not self._done.wait(_STEP_SECONDS):
            pass
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]


class Crew:
    """At most `size` jobs at once, in the order given."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._jobs: queue.SimpleQueue[Job[Any]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._pending = 0

    def start(self, call: Callable[[], T]) -> Job[T]:
        """Hand one call to the crew."""
        return self.add(Job(call))

    def add(self, job: Job[T]) -> Job[T]:
        """Hand a job to the crew."""
        with self._lock:
            self._pending += 1
            if self._threads < min(self._size, self._pending):
                self._threads += 1
                threading.Thread(target=self._work, daemon=True, name="sizer-reader").start()
        self._jobs.put(job)
        return job

    def finish(
        self, jobs: Sequence[Job[T]], *, limit_seconds: float, late: Callable[[], Exception]
    ) -> Iterator[Job[T]]:
        """The jobs as they get done. One that runs longer than `limit_seconds` is given up with `late()`.

        The limit is a last resort, for a thread stuck where no timeout of its own reaches (name look-up,
        a server that sends its status line byte by byte); a new thread takes its place.
        """
        done: queue.SimpleQueue[Job[Any]] = queue.SimpleQueue()
        for job in jobs:
            job.notify(done)
        for _ in jobs:
            while True:
                try:
                    yield done.get(timeout=_STEP_SECONDS)
                    break
                except queue.Empty:
                    self._give_up(jobs, limit_seconds, late)

    def _give_up(self, jobs: Sequence[Job[T]], limit_seconds: float, late: Callable[[], Exception]) -> None:
        now = time.monotonic()
        for job in jobs:
            if job.started is not None and not job.is_done and now - job.started > limit_seconds:
                job.settle(None, late())
                threading.Thread(target=self._work, daemon=True, name="sizer-reader").start()

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            job.run()
            with self._lock:
                self._pending -= 1
