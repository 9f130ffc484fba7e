/** openai-whisper: the original, on PyTorch. It has no batches, and reads audio through the `ffmpeg` program. */
import { asPlainWav } from '../audio/convert-audio.ts';
import type { Engine } from './engine.ts';
import { createPythonEngine, type ProcessOptions, WHISPER_OPTIONS } from './python-engine.ts';

export type OpenaiWhisperOptions = {
  /** A size (`large-v3`) or the path of a checkpoint. Default: `large-v3` on a GPU, `base` without one. */
  model?: string;
  /** ISO 639-1. Default: detected from the first 30 s. */
  language?: string;
  /** `cpu`, `cuda` or, with several GPUs, `cuda:1`. Default: `cuda` if available. */
  device?: string;
  /** The Python that has it. Default: `python3`. */
  python?: string;
};

export function createOpenaiWhisper(
  { python = 'python3', ...options }: OpenaiWhisperOptions = {},
  process: ProcessOptions = {},
): Engine {
  return createPythonEngine({
    name: 'openai-whisper',
    python: async () => python,
    script: 'transcribe_openai_whisper.py',
    options,
    process,
    shares_model: false,
    job_options: WHISPER_OPTIONS,
    second_try: { what: 'each window by itself', options: { condition_on_previous_text: false } },
    install_hint: `${python} -m pip install openai-whisper, and install the program ffmpeg`,
    // It opens whatever ffmpeg opens, playlists included.
    prepareAudio: (task, signal) => asPlainWav({ ...task, signal }),
  });
}
