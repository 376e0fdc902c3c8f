"""Runs a command that must not outlive its parent; a script of its own, because it must start quickly.

Usage: guard.py SIGNAL COMMAND [ARGUMENT...]

Standard input is a pipe whose other end only the parent holds. When it closes, even because the parent was
killed, the command gets SIGNAL, and SIGKILL if it is still running GRACE_S later.
"""

import os
import signal
import subprocess
import sys
import threading

GRACE_S = 15


def main() -> int:
    """Run the command until it exits; return its exit code, or 128 + the signal that ended it."""
    stop_signal = signal.Signals[sys.argv[1]]
    child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: _stop(child, stop_signal))
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.read(0, 4096):  # not sys.stdin: at exit Python would wait for its lock, and then abort
            pass
        _stop(child, stop_signal)
        if not ended.wait(GRACE_S):
            child.kill()

    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    ended.set()
    return code if code >= 0 else 128 - code


def _stop(child: "subprocess.Popen[bytes]", stop_signal: signal.Signals) -> None:
    if child.poll() is None:
        child.send_signal(stop_signal)


if __name__ == "__main__":
    sys.exit(main())
