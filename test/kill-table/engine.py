"""`engine.py ACT once|always DIRECTORY SCRIPT`: runs an engine's script whose model does something else first; see engine.ts."""

import os
import runpy
import signal
import subprocess
import sys
import time

import faster_whisper

act, times, directory, script = sys.argv[1:5]
BYTES = 100 * 1024 * 1024


def hold():
    with open(os.path.join(directory, "held"), "w") as held:
        held.write(str(os.getpid()))


def wait():
    hold()
    with open(os.path.join(directory, "gate")) as gate:
        gate.readline()


def sleep():
    hold()
    time.sleep(100000)


def spin():
    hold()
    while True:
        pass


def stop():
    hold()
    os.kill(os.getpid(), signal.SIGSTOP)


def ends_without_gpu():
    raise RuntimeError("CUDA failed with error no CUDA-capable device is detected")


def writes_lines():
    subprocess.run(["sh", "-c", "yes 'a line that a library has to say' | head -c %d >&2" % BYTES], check=True)


def writes_a_line():
    subprocess.run(["sh", "-c", "head -c %d /dev/zero | tr '\\0' x >&2" % BYTES], check=True)


def due():
    try:
        os.mkdir(os.path.join(directory, "done"))
    except FileExistsError:
        return times != "once"
    return True


transcribe = faster_whisper.WhisperModel.transcribe


def transcribe_after(*arguments, **options):
    if act != "nothing" and due():
        globals()[act]()
    return transcribe(*arguments, **options)


faster_whisper.WhisperModel.transcribe = transcribe_after
sys.path.insert(0, os.path.dirname(script))
sys.argv = [script]
runpy.run_path(script, run_name="__main__")
