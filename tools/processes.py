"""Child processes that end with this one, however it ends: by itself, by Ctrl-C, or terminated, as `make` is."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType

import psutil

from tools.environment import ROOT

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A terminal hides it while it shows how far something is.
SHOW_CURSOR = b"\x1b[?25h"


@contextmanager
def leaving_nothing_behind() -> Iterator[None]:
    """End what the block started when it is left, by whatever, after it had its chance to do so itself.

    Ctrl-C, a termination and a closed terminal are a KeyboardInterrupt in the block, once: a second one must not interrupt the
    ending.
    """
    # Seen when the signal comes: whose parent ends first is nobody's child afterwards, and could not be found any more.
    known: set[psutil.Process] = set()

    def interrupt(*_: object) -> None:
        for sign in SIGNALS:
            signal.signal(sign, signal.SIG_IGN)
        known.update(psutil.Process().children(recursive=True))
        raise KeyboardInterrupt

    for sign in SIGNALS:
        signal.signal(sign, interrupt)
    try:
        yield
    finally:
        _end(known.union(psutil.Process().children(recursive=True)))


def end_at_once_when_told() -> None:
    """Let Ctrl-C, a termination and a closed terminal end this process then and there, with all that it started.

    For who runs others' code that takes such a signal for its own and goes on, as Airflow's tasks do. Whatever handler that code
    sets, Python tells of each signal by a file descriptor, which a thread reads. Nothing may be lost by an end at any moment.
    """
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    for sign in SIGNALS:
        signal.signal(sign, lambda *_: None)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    # What is told to a fork of this process is not told to this one.
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))

    def wait() -> None:
        while os.read(told, 1)[0] not in SIGNALS:
            pass
        _end(psutil.Process().children(recursive=True))
        if os.isatty(1):
            os.write(1, SHOW_CURSOR)
        os._exit(130)

    threading.Thread(target=wait, daemon=True).start()


def _end(left: Iterable[psutil.Process]) -> None:
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for process in left:
            with suppress(psutil.NoSuchProcess):
                end(process)
        _, left = psutil.wait_procs(left, timeout=5)


class Servers(AbstractContextManager["Servers"]):
    """Child processes, each in a process group of its own, so that leaving the block ends them with all their children."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: list[str], environ: Mapping[str, str]) -> None:
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command,
                env=dict(environ),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise if a server ended by itself."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise RuntimeError(
                    f"{name} ended with exit code {process.returncode}; see {self.logs / name}.log:\n{self.tail(name)}"
                )

    def tail(self, name: str, lines: int = 15) -> str:
        return "\n".join((self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # SIGINT first: on SIGTERM Airflow's parents leave before their children.
        for sign, patience in ((signal.SIGINT, 15.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            groups = [process.pid for process in self.running.values() if _alive(process)]
            for group in groups:
                _signal_group(group, sign)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline and any(_alive(process) for process in self.running.values()):
                time.sleep(0.1)
        self.running.clear()


def _alive(process: subprocess.Popen[bytes]) -> bool:
    """Whether anything of the process's group is left, its children included."""
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _signal_group(group: int, sign: signal.Signals) -> None:
    try:
        os.killpg(group, sign)
    except ProcessLookupError:
        return
