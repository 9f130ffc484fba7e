"""`tmon-worker`: a complete worker around faster-whisper, for machines without Node.

main.py          signals, exit codes
options.py       the command line
transcribe.py    a job, from the recording to the transcript
model_process.py the process with the model, which is loaded once
_engine/         what runs in that process
"""
