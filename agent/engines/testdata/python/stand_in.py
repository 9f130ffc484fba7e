"""The behaviour of the stand-ins, which depends on the name of the model or of the audio."""

import os


def check_model(model):
    name = os.path.basename(model)
    if "absent" in name:
        raise RuntimeError("Unable to open file 'model.bin' in model '%s'" % model)


def check_audio(audio):
    """Returns 70 seconds of samples as a list; the scripts use only their number."""
    if "crash" in os.path.basename(audio):
        os.abort()
    if "huge" in os.path.basename(audio):
        raise RuntimeError("CUDA failed with error out of memory")
    return [0.0] * (16000 * 70)
