"""What our recogniser scripts and the worker say to each other.

The worker starts a script as

    python SCRIPT capabilities OPTIONS          prints one {"event": "capabilities", ...} line
    python SCRIPT transcribe AUDIO OUTPUT OPTIONS

where OPTIONS is a JSON object. While it transcribes, the script prints a line of JSON for each step

    {"event": "progress", "percentage": 45.0, "current_chunk": 9, "total_chunks": 20}

and writes {"language", "segments": [{"start_seconds", "end_seconds", "text", "confidence"}]} to OUTPUT. What is wrong with the
audio it says as {"event": "failure", "code", "message"}; every other exception goes to standard error with its traceback, where the
worker looks for words of full GPU memory. Lines that a library prints beside are passed over.
"""

import json
import os
import sys


class AudioFailure(Exception):
    """The audio can't be read: no other attempt will help."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def emit(event, **fields):
    print(json.dumps(dict(event=event, **fields)), flush=True)


def progress(done_seconds, total_seconds, current_chunk, total_chunks):
    percentage = 100.0 * min(1.0, done_seconds / total_seconds) if total_seconds > 0 else 100.0
    emit("progress", percentage=round(percentage, 2), current_chunk=current_chunk, total_chunks=total_chunks)


def run(capabilities, transcribe):
    """Reads the command line and calls `capabilities(options)` or `transcribe(audio, options)`; both answer a dict."""
    verb, options = sys.argv[1], json.loads(sys.argv[-1])
    if verb == "capabilities":
        emit("capabilities", **capabilities(options))
        return
    audio, output = sys.argv[2], sys.argv[3]
    try:
        result = transcribe(audio, options)
    except AudioFailure as failure:
        emit("failure", code=failure.code, message=str(failure))
        sys.exit(2)
    with open(output + ".partial", "w", encoding="utf-8") as file:
        json.dump(result, file, ensure_ascii=False)
    os.replace(output + ".partial", output)
