"""The process of a job that nobody waits for (see `run.worker`): its signals and its exit code."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from acestep_cli.term.signals import StopSignals


def main() -> NoReturn:
    """Run the job that comes by stdin and exit with its code."""
    from acestep_cli.run.worker import work

    if hasattr(signal, "SIGHUP"):
        # A terminal that closes means nothing here.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # A Ctrl-C that somebody sends on purpose does, even where the shell has switched it off.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stop = StopSignals(notice=b"")
    with stop.installed(), stop.polled():
        status = work(stop.cancelled)
    if stop.at_once:
        # Threads that are still computing would otherwise be waited for.
        os._exit(status)
    sys.exit(int(status))
