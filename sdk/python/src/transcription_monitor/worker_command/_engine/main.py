"""The process with the model: transcribe_faster_whisper.py, which ends with the worker, whatever ends that.

It is run as a program, and not imported; only the standard library and the recogniser are loaded. All files here but
this one and read_audio.py are copies of those of `tmon worker`; a test compares them.
"""

import ctypes
import runpy
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1

if sys.platform == "linux":
    # The end of standard input ends it, too, but not while it is stopped or spins without letting a thread read.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
folder = Path(__file__).parent
sys.path.insert(0, str(folder))
runpy.run_path(str(folder / "transcribe_faster_whisper.py"), run_name="__main__")
