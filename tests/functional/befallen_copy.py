"""`frozen_copy` as it is, but for what befalls it once it has frozen a filesystem.

Started with its file, with what is to happen, a file to write its process id to, and
then its own arguments.
"""

import importlib.util
import os
import signal
import sys
import threading
from pathlib import Path

program, what, note = sys.argv[1:4]
spec = importlib.util.spec_from_file_location("frozen_copy", program)
real = importlib.util.module_from_spec(spec)
spec.loader.exec_module(real)
freeze = real.freeze


def _freeze(root: int) -> None:
    freeze(root)
    Path(note).write_text(str(os.getpid()))
    match what:
        case "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stops":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "is thawed":
            _ = real.thaw(root)


def _hang(*_: object) -> None:
    _ = threading.Event().wait()


real.freeze = _freeze
if what == "hangs":
    real.copy_data = _hang
real.main(sys.argv[4:])
