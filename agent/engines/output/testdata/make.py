"""Makes the outputs in this folder with the tools themselves, from one transcription by faster-whisper.

    python make.py RECORDING.wav MODEL OPENAI_WHISPER_SOURCE WHISPERX_SOURCE

The last two are the unpacked packages of PyPI: their writers need no torch.

    faster-whisper.json, .ndjson   json.dump of faster-whisper's segments: one list, and one on each line
    openai-whisper.*               whisper/utils.py of openai-whisper 20250625: --output_format json, srt, vtt, tsv, txt
    whisperx.json, .srt, .tsv      whisperx/utils.py of WhisperX 3.8.6
    ffmpeg.vtt                     ffmpeg -i openai-whisper.srt
    nan.json                       json.dump of floats that are not numbers, as of a segment without words
    utf16.srt, bom.json            as PowerShell's > and Windows editors save them

By hand, from each tool's documentation and source: whisper-cpp.json and whisper-cpp.txt (whisper-cli -oj, and what it prints),
openai-verbose.json (the API's response_format=verbose_json), transformers.json (the pipeline's chunks), vosk.ndjson
(KaldiRecognizer's results).
"""

import codecs
import dataclasses
import importlib.util
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SEGMENTS = 3


def module_of(path):
    spec = importlib.util.spec_from_file_location("utils", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(writer, result, name, options):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        writer.write_result(result, file=file, options=options)


def main(recording, model, openai_source, whisperx_source):
    from faster_whisper import WhisperModel

    whisper = WhisperModel(model, device="cpu", compute_type="int8")
    segments, info = whisper.transcribe(recording, word_timestamps=True)
    kept = [dataclasses.asdict(segment) for segment in segments][:SEGMENTS]
    for segment in kept:
        del segment["tokens"]

    with open(os.path.join(HERE, "faster-whisper.json"), "w") as file:
        json.dump(kept, file)
    with open(os.path.join(HERE, "faster-whisper.ndjson"), "w") as file:
        for segment in kept:
            print(json.dumps(segment), file=file)

    text = "".join(segment["text"] for segment in kept)
    result = {"text": text, "segments": kept, "language": info.language}
    options = {"max_line_width": None, "max_line_count": None, "highlight_words": False}
    openai = module_of(os.path.join(openai_source, "whisper", "utils.py"))
    for name, writer in (
        ("json", openai.WriteJSON),
        ("srt", openai.WriteSRT),
        ("vtt", openai.WriteVTT),
        ("tsv", openai.WriteTSV),
        ("txt", openai.WriteTXT),
    ):
        write(writer(HERE), result, "openai-whisper." + name, options)

    whisperx = module_of(os.path.join(whisperx_source, "whisperx", "utils.py"))
    words = [[{**word, "score": word.pop("probability")} for word in segment["words"]] for segment in kept]
    aligned = [
        {"start": segment["start"], "end": segment["end"], "text": segment["text"], "words": heard}
        for segment, heard in zip(kept, words)
    ]
    flat = [word for heard in words for word in heard]
    result = {"segments": aligned, "word_segments": flat, "language": info.language}
    for name, writer in (("json", whisperx.WriteJSON), ("srt", whisperx.WriteSRT), ("tsv", whisperx.WriteTSV)):
        write(writer(HERE), result, "whisperx." + name, options)

    nan = {"language": info.language, "duration": float("inf"), "segments": [dict(segment) for segment in kept]}
    nan["segments"][1]["avg_logprob"] = float("nan")
    for segment in nan["segments"]:
        del segment["words"]
    with open(os.path.join(HERE, "nan.json"), "w") as file:
        json.dump(nan, file)

    srt = os.path.join(HERE, "openai-whisper.srt")
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", srt, os.path.join(HERE, "ffmpeg.vtt")], check=True)
    with open(srt, encoding="utf-8") as file, open(os.path.join(HERE, "utf16.srt"), "wb") as to:
        to.write(codecs.BOM_UTF16_LE + file.read().replace("\n", "\r\n").encode("utf-16-le"))
    with open(os.path.join(HERE, "openai-whisper.json"), "rb") as file, open(os.path.join(HERE, "bom.json"), "wb") as to:
        to.write(codecs.BOM_UTF8 + file.read())


main(*sys.argv[1:])
