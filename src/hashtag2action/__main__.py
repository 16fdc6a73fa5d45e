"""The command `h2a`, also as `python -m hashtag2action`: ctrl-C and SIGTERM end it with one line.

Imports nothing heavy at first, so that a command stopped while it starts says so, too.
"""

import os
import signal
import sys
from types import FrameType

_INTERRUPTED = 128 + signal.SIGINT
"""What the command ends with after a KeyboardInterrupt, whichever signal raised it."""


def main() -> None:
    """Run the command; a signal unwinds it, a second one ends it at once.

    A process of torchrun keeps the usual SIGTERM: it may wait in a collective that nobody answers.
    """
    in_torchrun = "RANK" in os.environ
    signs = (signal.SIGINT,) if in_torchrun else (signal.SIGINT, signal.SIGTERM)
    came: list[int] = []

    def stop(sign: int, _frame: FrameType | None) -> None:
        came.append(sign)
        for each in signs:
            signal.signal(each, signal.SIG_DFL)
        raise KeyboardInterrupt

    for sign in signs:
        if signal.getsignal(sign) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(sign, stop)
    try:
        from hashtag2action.cli import main as run

        run()
    except BaseException as end:
        # Typer turns the interrupt into an exit, and says nothing; a library may turn it into an
        # error of its own, as torch does while it looks at a network for ONNX.
        if not came or (isinstance(end, SystemExit) and end.code != _INTERRUPTED):
            raise
        if os.environ.get("RANK", "0") == "0":
            print("h2a: stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(128 + came[0])


if __name__ == "__main__":
    main()
