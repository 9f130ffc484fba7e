"""The protocol between an engine's process and the worker.

The worker starts a script once. It loads its model, and then transcribes one recording after the other, or several at once. Each
message is a JSON object on one line. The worker writes to standard input

    {"do": "load", "options": {...}, "parallel": 2}                  first, and once
    {"do": "transcribe", "id": "7", "audio_path": "...", "output_path": "...", "options": {..., "job": {...}}}
    {"do": "cancel", "id": "7"}                                      between two segments it takes effect
    {"do": "check", "id": "8"}                                       whether the loaded model still works

and reads from standard output

    {"event": "ready", "capabilities": {...}, "versions": {...}, "parallel": 2, "memory_bytes": 312000000}
    {"event": "audio", "id": "7", "duration_seconds": 61.5, "warnings": [{"code": "audio_damaged", "message": "..."}]}
    {"event": "progress", "id": "7", "percentage": 45.0, "current_chunk": 9, "total_chunks": 20}
    {"event": "result", "id": "7", "memory_bytes": 344000000}        output_path has the transcript
    {"event": "cancelled", "id": "7"}
    {"event": "error", "id": "7", "code": "audio_unreadable", "message": "...", "hint": "..."}
    {"event": "error", "id": "7", "trace": "..."}                    an exception that has no code

The options have those of the job under "job". An error without an id is that of loading; the process ends after it. The file at output_path has {"language", "segments":
[{"start_seconds", "end_seconds", "text", "confidence", "words"?, "no_speech"?}], "heard", "extra"?}, where "heard" is what hear.py says of
the audio, or None, and "extra" what else the library says.

What libraries print goes to standard error, which is the log. Its end for a job is marked by a line with MARK and the id, before
the job's last message. The process ends at the end of its standard input, whatever it is
doing: when the worker has closed it, or has been killed.
"""

import importlib.metadata
import inspect
import json
import math
import os
import platform
import queue
import sys
import threading
import time
import traceback

TRACE_CHARACTERS = 8000
MARK = "\x1e"


class Failure(Exception):
    """A failure with a code: audio that can't be read, a missing dependency."""

    def __init__(self, code, message, hint=None):
        super().__init__(message)
        self.code, self.hint = code, hint


class Cancelled(Exception):
    """The worker wants no transcript any more."""


class Job:
    """One recording to transcribe, and the way to report about it."""

    def __init__(self, emit, message):
        self.id, self.audio_path, self.options = message["id"], message["audio_path"], message["options"]
        self._emit, self._cancelled = emit, threading.Event()

    def audio(self, duration_seconds, warnings=()):
        """Reports the length of what was decoded."""
        self._emit("audio", id=self.id, duration_seconds=round(duration_seconds, 3), warnings=list(warnings))

    def progress(self, done_seconds, total_seconds, current_chunk, total_chunks):
        percentage = 100.0 * min(1.0, done_seconds / total_seconds) if total_seconds > 0 else 100.0
        chunks = {"current_chunk": current_chunk, "total_chunks": total_chunks}
        self._emit("progress", id=self.id, percentage=round(percentage, 2), **chunks)

    def cancel(self):
        self._cancelled.set()

    def check(self):
        """Raises Cancelled if the job is. Call it wherever the work can end."""
        if self._cancelled.is_set():
            raise Cancelled


def run(load):
    """Serves the worker until its end. `load(options, parallel)` returns an engine:

    capabilities    a dict of model, device, gpu_optimized, batch_size
    packages        names of the packages whose versions are reported
    parallel        how many jobs it can transcribe at once
    check()         raises if the model doesn't work any more
    transcribe(job) returns a dict of language, segments and heard
    """
    _Server(load).serve()


class _Server:
    def __init__(self, load):
        self._load = load
        self._out = _own_stdout()
        self._lock = threading.Lock()
        self._jobs = {}

    def serve(self):
        commands = queue.Queue()
        threading.Thread(target=_read, args=(commands,), daemon=True).start()
        engine = self._begin(commands.get())
        while True:
            message = commands.get()
            if message["do"] == "transcribe":
                job = self._jobs[message["id"]] = Job(self.emit, message)
                self._start(self._transcribe, engine, job, message["output_path"])
            elif message["do"] == "cancel":
                job = self._jobs.get(message["id"])
                if job is not None:  # else its end is on the way to the worker
                    job.cancel()
            elif message["do"] == "check":
                self._start(self._check, engine, message["id"])

    def emit(self, event, **fields):
        line = json.dumps(dict(event=event, **fields))
        with self._lock:
            try:
                print(line, file=self._out, flush=True)
            except BrokenPipeError:
                os._exit(0)

    def _begin(self, message):
        try:
            engine = self._load(message["options"], message["parallel"])
        except Exception as error:
            self._failure({}, error)()
            os._exit(2)
        versions = {"python": platform.python_version(), **{name: _version(name) for name in engine.packages}}
        known = {"capabilities": engine.capabilities, "versions": versions, "parallel": engine.parallel}
        self.emit("ready", **known, memory_bytes=memory_bytes())
        return engine

    def _start(self, work, *arguments):
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _transcribe(self, engine, job, output_path):
        try:
            result = engine.transcribe(job)
            with open(output_path + ".partial", "w", encoding="utf-8") as file:
                json.dump(result, file, ensure_ascii=False)
            os.replace(output_path + ".partial", output_path)
        except Cancelled:
            answer = lambda: self.emit("cancelled", id=job.id)
        except Exception as error:
            answer = self._failure({"id": job.id}, error)
        else:
            answer = lambda: self.emit("result", id=job.id, memory_bytes=memory_bytes())
        del self._jobs[job.id]
        os.write(2, ("\n%s%s\n" % (MARK, job.id)).encode())
        answer()

    def _check(self, engine, check_id):
        try:
            engine.check()
        except Exception as error:
            self._failure({"id": check_id}, error)()
        else:
            self.emit("result", id=check_id, memory_bytes=memory_bytes())

    def _failure(self, whose, error):
        """Logs the error; returns what reports it."""
        if isinstance(error, ModuleNotFoundError):
            error = Failure("engine_missing", "this Python has no module %s" % error.name)
        if isinstance(error, Failure):
            hint = {} if error.hint is None else {"hint": error.hint}
            return lambda: self.emit("error", **whose, code=error.code, message=str(error), **hint)
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        print(trace, file=sys.stderr, flush=True)
        return lambda: self.emit("error", **whose, trace=trace[-TRACE_CHARACTERS:])


def _own_stdout():
    """The stream for messages. From now on standard output is the log, for libraries and for what they start."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)
    return out


def _read(commands):
    for line in sys.stdin:
        commands.put(json.loads(line))
    os._exit(0)


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def memory_bytes():
    """Resident memory of this process; None if the system doesn't say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


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


def job_language(job, default, known, multilingual):
    """The language of a job, as the library names it: of `de-CH` only `de` counts."""
    language = job.get("language")
    if language is None:
        return default
    code = language.replace("_", "-").split("-")[0].lower()
    if code not in known or (not multilingual and code != "en"):
        raise Failure("option_not_supported", "the model does not know the language %s" % language)
    return code


def job_task(job, multilingual):
    task = job.get("task", "transcribe")
    if task == "translate" and not multilingual:
        raise Failure("option_not_supported", "the model knows only English, and does not translate")
    return task


def engine_options(job, function, ours, more=()):
    """The job's `engine_options`: parameters of the library's function, and more, except those that other options set."""
    given = job.get("engine_options", {})
    known = {*inspect.signature(function).parameters, *more} - set(ours) - {"self", "audio"}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise Failure("option_not_supported", "the engine has no option %s" % unknown[0])
    return given


def words_of(words):
    """Of a library that has words with start, end, word and probability, as objects or dicts."""
    found = [word if isinstance(word, dict) else vars(word) for word in words or ()]
    return [
        {
            "start_seconds": word["start"],
            "end_seconds": word["end"],
            "text": word["word"],
            "probability": word.get("probability"),
        }
        for word in found
    ]


def windows(seconds):
    """The chunks of 30 s in which the Whisper family works."""
    return max(1, math.ceil(seconds / 30))


def bursts(segments, check=lambda: None):
    """Yields lists of the segments that come together: those of one window, which take time only for the first.

    A window's progress is that of its last segment: that of the first would tell of a pace that is far too slow. `check` is
    called after each segment; what it raises ends the work, and then arrives here.
    """
    arrived = queue.Queue()

    def read():
        try:
            for segment in segments:
                arrived.put((segment, None))
                check()
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
