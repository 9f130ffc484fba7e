"""The signature and the use of the bar are the library's; decode options are passed through as in the library."""

import stand_in
import tqdm


def transcribe(
    model,
    audio,
    *,
    verbose=None,
    temperature=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    compression_ratio_threshold=2.4,
    logprob_threshold=-1.0,
    no_speech_threshold=0.6,
    condition_on_previous_text=True,
    initial_prompt=None,
    carry_initial_prompt=False,
    word_timestamps=False,
    prepend_punctuations="",
    append_punctuations="",
    clip_timestamps="0",
    hallucination_silence_threshold=None,
    **decode_options,
):
    language = decode_options.pop("language", None) or "de"
    task = decode_options.pop("task")
    if decode_options.pop("fp16"):
        raise RuntimeError('"slow_conv2d_cpu" not implemented for \'Half\'')
    if decode_options:
        raise TypeError("DecodingOptions.__init__() got an unexpected keyword argument %r" % list(decode_options)[0])
    print("Detected language: German")
    segments = []
    frames = len(audio) // 160
    with tqdm.tqdm(total=frames, unit="frames", disable=verbose is not False) as pbar:
        for seek in range(0, frames, 3000):
            stand_in.before_segment(stand_in.audio())
            end = min(frames, seek + 3000)
            text = " window %d" % (seek // 3000)
            if initial_prompt is not None:
                text = " %s as %s at %s" % (task, initial_prompt, temperature)
            segment = {"id": len(segments), "start": seek / 100, "end": end / 100, "text": text, "avg_logprob": -0.5}
            if word_timestamps:
                segment["words"] = [{"word": " window", "start": seek / 100, "end": seek / 100 + 0.5, "probability": 0.9}]
            segments.append({**segment, "no_speech_prob": 0.25})
            pbar.update(end - seek)
    return dict(text="".join(segment["text"] for segment in segments), segments=segments, language=language)
