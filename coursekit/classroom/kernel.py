"""The kernel of a run: this Python in a plain environment, its output bounded, nothing left of it.

The environment is plain so that a run says the same for everybody: its asserts count, its pictures
are drawn, and no start-up file or profile of one person takes part.
"""

import logging
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import zmq
from jupyter_client import AsyncKernelClient, AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core.utils import ensure_event_loop
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

MOST_BYTES = 50_000_000  # of a notebook's output; the course's notebooks have 2 MB
MOST_OUTPUTS = 100_000
TOO_MUCH = f"its outputs are more than {MOST_BYTES // 10**6} MB or {MOST_OUTPUTS:,} pieces: "
TOO_MUCH += "print or draw less"
# What tells a person's Python, IPython, Jupyter or Matplotlib to be another one ...
PERSONAL = ("PYTHON", "IPYTHON", "JUPYTER_", "MPLBACKEND", "MATPLOTLIBRC")
# ... but for what says where packages lie and how files are read.
PLACES = {"PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE", "PYTHONNOUSERSITE", "PYTHONUTF8"}
PLACES |= {"PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"}
PATIENCE = 2  # seconds for what a notebook started to end by itself
HELPERS = ("loky", "resource_tracker", "forkserver")  # of joblib and Python, which end with it
logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # of tasks that a cut-off cell leaves


class Failed(Exception):
    """A notebook cannot be executed any further; the message says why."""


def environment() -> dict[str, str]:
    """The environment of every kernel, without what is a person's own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in PLACES or not name.startswith(PERSONAL)
    }
    if "PYTHONPATH" in kept:  # the kernel works in another folder
        parts = kept["PYTHONPATH"].split(os.pathsep)
        kept["PYTHONPATH"] = os.pathsep.join(os.path.abspath(part) for part in parts)
    return kept


class _Channels(AsyncKernelClient):
    """The connection to a kernel. It is cut, for good, by a message that is too large."""

    def start_channels(self, *arguments, **options) -> None:
        self.context.maxmsgsize = MOST_BYTES
        super().start_channels(*arguments, **options)
        sockets = self.iopub_channel.socket, self.shell_channel.socket
        self.watched = [socket.get_monitor_socket(zmq.EVENT_DISCONNECTED) for socket in sockets]

    def stop_channels(self) -> None:
        for channel in (self.iopub_channel, self.shell_channel):
            channel.socket.disable_monitor()
        super().stop_channels()

    def cut(self) -> bool:
        return any(socket.get(zmq.EVENTS) & zmq.POLLIN for socket in self.watched)

    async def is_alive(self) -> bool:
        return not self.cut() and await super().is_alive()


class _Kernel(AsyncKernelManager):
    client_factory = _Channels


class Client(NotebookClient):
    """Executes the cells of a notebook, in the folder where it lies.

    ``left`` names the processes that were still there when its kernel had ended; they were ended.
    """

    def __init__(self, notebook, folder: Path, timeout: int, scratch: Path):
        manager = _Kernel(
            kernel_name="python3",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),  # no kernel but this Python's
            connection_file=str(scratch / "kernel.json"),
        )
        super().__init__(
            notebook,
            km=manager,
            timeout=timeout,
            iopub_timeout=30,
            raise_on_iopub_timeout=True,  # what was lost on the way is no output to keep
            record_timing=False,
            store_widget_state=False,
            resources={"metadata": {"path": str(folder)}},
            extra_arguments=["--log-level=CRITICAL"],  # its notes about itself are no progress
        )
        self.scratch, self.left = scratch, []
        self.bytes = self.pieces = 0
        self.shown = {}  # the bytes of each output that can be replaced, by its id
        self.mark = scratch.name  # in the environment of all that it starts

    @contextmanager
    def kernel(self, said: dict[str, str]) -> Iterator[None]:
        """A kernel, which is told what is ``said`` in its environment; it ends with the block.

        Raises ``Failed`` when its asserts do not count, and ``RuntimeError`` or ``OSError`` when it
        does not start.
        """
        ours = {"IPYTHONDIR": str(self.scratch / "ipython"), "COURSEKIT_RUN": self.mark}
        env = {**environment(), **said, **ours}
        loop = ensure_event_loop(prefer_selector_loop=True)  # of this thread; ZeroMQ's on Windows
        quiet = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)  # but for its cells
        try:
            with closing(loop), self.setup_kernel(env=env, cleanup_kc=True, **quiet):
                kernel = psutil.Process(self.km.provisioner.process.pid)
                self._check_asserts()
                try:
                    yield
                finally:  # before the kernel ends its children without a word
                    with suppress(psutil.Error):
                        theirs = {*kernel.children(recursive=True), *self._marked()} - {kernel}
                        self.left += _ended({one for one in theirs if not _helps(one)})
        finally:
            self.left += _ended({*self._marked()})

    def stop(self) -> None:
        """End the kernel and what it started, from another thread: the cell that runs fails."""
        for process in self._marked():
            with suppress(psutil.Error):
                process.kill()

    def _marked(self) -> Iterator[psutil.Process]:
        """The kernel and what it started, directly or not, as far as the environment tells."""
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.environ().get("COURSEKIT_RUN") == self.mark:
                    yield process

    def _check_asserts(self) -> None:
        asked = self.kc.execute("assert False", silent=True, stop_on_error=False)
        if self.wait_for_reply(asked)["content"]["status"] != "error":
            how = "a setting of Python or IPython on this machine switches them off"
            raise Failed(f"asserts do not count in its kernel ({how})")

    def run_cell(self, cell, position: int) -> None:
        """Execute a cell. Raises ``Failed``, and ``CellExecutionError`` for an error in it."""
        try:
            self.execute_cell(cell, position)
        except CellTimeoutError as error:
            if "IOPub" in str(error):
                raise Failed("its outputs did not all arrive: print or draw less") from None
            most = f"{self.timeout} seconds (--timeout allows more)"
            raise Failed(f"it took more than {most}") from None
        except DeadKernelError:
            if self._is_full() or self.kc.cut() and self.km.provisioner.process.poll() is None:
                raise Failed(TOO_MUCH) from None
            raise Failed("the kernel died, as it does when the memory is used up") from None
        if self.kc.cut():
            raise Failed(TOO_MUCH)

    def process_message(self, msg, cell, cell_index):
        """Take a message of the kernel into the cell, until there are too many."""
        kind, content = msg["msg_type"], msg["content"]
        if kind not in ("status", "execute_input"):
            size, shown = len(repr(content)), (content.get("transient") or {}).get("display_id")
            # A progress bar shows its curve again and again: only its last picture is kept.
            replaced = kind == "update_display_data"
            self.bytes += size - self.shown.get(shown, 0) * replaced
            self.pieces += not replaced
            if shown:
                self.shown[shown] = size
        if self._is_full() and not self.task_poll_for_reply.done():
            self.shutdown_kernel = "immediate"  # it may print on
            self.task_poll_for_reply.cancel()  # which is how a dead kernel ends a cell
            return None
        return super().process_message(msg, cell, cell_index)

    def _is_full(self) -> bool:
        return self.bytes > MOST_BYTES or self.pieces > MOST_OUTPUTS


def _ended(processes: set[psutil.Process]) -> list[str]:
    """End processes that do not end by themselves; returns their names."""
    names = []
    for process in sorted(_still_there(processes), key=lambda one: one.pid):
        with suppress(psutil.Error):
            names.append(f"{process.name()} (process {process.pid})")
            process.kill()
    _still_there(processes)
    return names


def _still_there(processes: set[psutil.Process]) -> list[psutil.Process]:
    end = time.monotonic() + PATIENCE
    while (alive := [one for one in processes if _runs(one)]) and time.monotonic() < end:
        time.sleep(0.05)
    return alive


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _helps(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return any(name in " ".join(process.cmdline()) for name in HELPERS)
    return False
