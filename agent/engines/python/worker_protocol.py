"""The protocol between our engine scripts and the worker.

The worker starts a script as

    python SCRIPT capabilities OPTIONS          prints one {"event": "capabilities", ...} line
    python SCRIPT transcribe AUDIO OUTPUT OPTIONS

where OPTIONS is a JSON object. When it has read the audio, the script prints its length and what is wrong with it

    {"event": "audio", "duration_seconds": 61.5, "warnings": [{"code": "audio_damaged", "message": "…"}]}

and then a JSON line for each step

    {"event": "progress", "percentage": 45.0, "current_chunk": 9, "total_chunks": 20}

and writes {"language", "segments": [{"start_seconds", "end_seconds", "text", "confidence"}], "heard"} to OUTPUT, where
"heard" is what hear.py says of the audio, or None. A known failure
is reported as {"event": "failure", "code", "message", "hint"?}; every other exception goes to standard error with its traceback, which the
worker searches for signs of full GPU memory. Other lines, printed by a library, are ignored.
"""

import json
import math
import os
import queue
import sys
import threading
import time


class Failure(Exception):
    """A failure with a code: audio that can't be read, a missing dependency."""

    def __init__(self, code, message, hint=None):
        super().__init__(message)
        self.code, self.hint = code, hint


def emit(event, **fields):
    print(json.dumps(dict(event=event, **fields)), flush=True)


def audio(duration_seconds, warnings=()):
    """Reports the length of what was decoded."""
    emit("audio", duration_seconds=round(duration_seconds, 3), warnings=list(warnings))


def progress(done_seconds, total_seconds, current_chunk, total_chunks):
    percentage = 100.0 * min(1.0, done_seconds / total_seconds) if total_seconds > 0 else 100.0
    emit("progress", percentage=round(percentage, 2), current_chunk=current_chunk, total_chunks=total_chunks)


def model_name(model):
    """The public name of a model that is a local path or an id on a hub.

    The cache of Hugging Face has it in models--OWNER--NAME/snapshots/HASH; many keep theirs in NAME/model.
    """
    parts = model.replace("\\", "/").rstrip("/").split("/")
    if len(parts) > 2 and parts[-2] == "snapshots" and parts[-3].startswith("models--"):
        return parts[-3].split("--")[-1]
    return parts[-2] if parts[-1] == "model" and len(parts) > 1 and parts[-2] else parts[-1]


def check_language(language, known):
    """`known`: the codes of the model. An unknown one would fail every job."""
    if language is None or language in known:
        return
    only = "this model knows only %s" % ", ".join(known) if len(known) < 5 else "use a code like en or de"
    raise Failure("engine_choice_invalid", "it does not know the language %s" % language, only + ", or omit it")


def windows(seconds):
    """The chunks of 30 s in which the Whisper family works."""
    return max(1, math.ceil(seconds / 30))


def bursts(segments):
    """Yields lists of the segments that come together: those of one window, which take time only for the first.

    A window's progress is that of its last segment: that of the first would tell of a pace that is far too slow.
    """
    arrived = queue.Queue()

    def read():
        try:
            for segment in segments:
                arrived.put((segment, None))
            arrived.put((None, None))
        except BaseException as error:
            arrived.put((None, error))

    threading.Thread(target=read, daemon=True).start()
    while True:
        burst = []
        segment, error = arrived.get()
        ends = time.monotonic() + BURST_SECONDS
        try:
            while segment is not None:
                burst.append(segment)
                segment, error = arrived.get(timeout=max(0, ends - time.monotonic()))
        except queue.Empty:
            yield burst
            continue
        if burst:
            yield burst
        if error is not None:
            raise error
        return


BURST_SECONDS = 0.1


def run(capabilities, transcribe):
    """Reads the command line and calls `capabilities(options)` or `transcribe(audio, options)`; both return a dict."""
    verb, options = sys.argv[1], json.loads(sys.argv[-1])
    try:
        if verb == "capabilities":
            emit("capabilities", **capabilities(options))
            return
        audio, output = sys.argv[2], sys.argv[3]
        result = transcribe(audio, options)
    except ModuleNotFoundError as missing:
        fail("engine_missing", "this Python has no module %s" % missing.name)
    except Failure as failure:
        fail(failure.code, str(failure), failure.hint)
    with open(output + ".partial", "w", encoding="utf-8") as file:
        json.dump(result, file, ensure_ascii=False)
    os.replace(output + ".partial", output)


def fail(code, message, hint=None):
    emit("failure", code=code, message=message, **({} if hint is None else {"hint": hint}))
    sys.exit(2)
