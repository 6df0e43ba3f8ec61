"""Worker processes with a limit on the wall time of every call."""

import json
import queue
import subprocess
import threading
from collections import deque

from environments import UnavailableError, last_line

START_SECONDS = 180
LISTEN_SECONDS = 5
KEPT_LINES = 50


class Process:
    """A worker that answers one JSON line to every line it is sent.

    Parameters
    ----------
    command : list of str
        How it is started.
    environment : dict
        Its environment variables.
    limit : float
        Seconds of wall time that a call may take.

    Raises
    ------
    UnavailableError
        Where it does not become ready.
    """

    def __init__(self, command, environment, limit):
        self.limit = limit
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self.lines, self.errors = queue.Queue(), deque(maxlen=KEPT_LINES)
        self.listener = self._listen(self.errors.extend, self.process.stderr)
        self._listen(self._collect, self.process.stdout)
        answer = self._answer(START_SECONDS)
        if "ready" not in answer:
            self.close()
            raise UnavailableError(answer.get("error", "did not start in time"))
        self.versions = answer["ready"]

    def _listen(self, collect, stream):
        thread = threading.Thread(target=collect, args=(stream,), daemon=True)
        thread.start()
        return thread

    def _collect(self, stream):
        for line in stream:
            self.lines.put(line)
        self.lines.put(None)

    def _answer(self, seconds):
        try:
            line = self.lines.get(timeout=seconds)
        except queue.Empty:
            self.process.kill()
            return {"over": True}
        if line is None:
            self.listener.join(LISTEN_SECONDS)
            return {"error": last_line("".join(self.errors))}
        return json.loads(line)

    def call(self):
        """Ask for one call; return its figures, ``error``, or ``over``."""
        try:
            self.process.stdin.write("fit\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return {"error": "the process ended"}
        return self._answer(self.limit)

    def close(self):
        """End the process."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.listener.join(LISTEN_SECONDS)
        self.process.stdin.close()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()
