"""The entry point, `dbferry` and `python -m dbferry`: signals are minded before the imports that take a moment."""

import gc
import os
import signal

INTERRUPTED = 130


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        # Who is started in the background may be told to pass over Ctrl-C.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    # Modules live to the end: looking through them for rubbish takes a fifth of the start.
    gc.disable()
    from dbferry.cli import main as run

    gc.freeze()
    gc.enable()
    run()


def _end(*_: object) -> None:
    """Nothing is open yet."""
    os.write(2, b"error: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
