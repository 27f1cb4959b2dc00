"""The way in: `sizer`, `hf-sizer` and `python -m sizer`.

Imports take most of the first moments of a run, and an interrupt in the middle of one is a traceback. So until
`sizer.cli.app` can answer it, Ctrl-C ends the process at once, with the exit code of an interrupted command.
"""

from __future__ import annotations

import os

_INTERRUPTED = 130  # InterruptedByUserError.exit_code, which is not loaded yet

try:
    import signal
except KeyboardInterrupt:
    os._exit(_INTERRUPTED)

__all__ = ["main"]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    is_usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # a background job may ignore it
    if is_usual:
        signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    from sizer.cli.app import main as run

    if is_usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
