"""The entry point, `dbferry` and `python -m dbferry`: signals are minded before the imports that take a moment."""

import errno
import gc
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

INTERRUPTED = 130


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        # Who is started in the background may be told to pass over Ctrl-C.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    for name in ("stdout", "stderr"):
        # What was closed before the start: who says something there says it to nobody.
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    # Modules live to the end: looking through them for rubbish takes a fifth of the start.
    gc.disable()
    from dbferry.cli import main as run

    gc.freeze()
    gc.enable()
    code, unsaid = 1, None
    try:
        run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        unsaid = error
    _leave(code, unsaid)


def _leave(code: int, unsaid: OSError | None) -> NoReturn:
    """Ends at once after a success: nothing is open any more, and to take all modules apart takes longer than the last
    statements. After a failure a server may still be on its way to hear that nobody waits for it.

    `unsaid` is why output could not be written, where that is known already.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            unsaid = unsaid or error
    if code and unsaid is None:
        sys.exit(code)
    if unsaid is not None:
        code = code or 1
        # A reader of our output that is gone is told nothing more.
        if not isinstance(unsaid, BrokenPipeError):
            with suppress(OSError):
                os.write(2, f"error: the output can't be written: {unsaid.strerror}\n".encode())
    os._exit(code)


def _end(*_: object) -> None:
    """Nothing is open yet."""
    os.write(2, b"error: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
