/**
 * faster-whisper: Whisper on CTranslate2, in batches if the batch size is above 1. Reads every format that FFmpeg's
 * libraries read.
 *
 * `python=private&model=tiny.en` needs nothing but Python and its package index: the private environment has the library
 * and that model, which is small and knows only English.
 */
import type { Engine } from './engine.ts';
import { privatePython } from './private-python.ts';
import { createPythonEngine, type ProcessOptions, WHISPER_OPTIONS } from './python-engine.ts';

export type FasterWhisperOptions = {
  /**
   * A size (`large-v3`), a directory, or the id of a model on its hub. Default: `large-v3` on a GPU, `base` without
   * one.
   */
  model?: string;
  /** ISO 639-1. Default: detected from the first 30 s. */
  language?: string;
  /** `cpu`, `cuda` or, with several GPUs, `cuda:1`. Default: `cuda` if available. */
  device?: string;
  /** The same number apart. Default 0. */
  device_index?: number;
  /** Default: `float16` on a GPU, `int8` without one. */
  compute_type?: string;
  /** The registered batch size. Default: 16 on a GPU, 1 without one. */
  batch_size?: number;
  /** The Python that has it, or `private` for an environment that is created. Default: `python3`. */
  python?: string;
};

/** Complete by itself: for the demo and for tests. */
export const PACKAGED_FASTER_WHISPER = 'faster-whisper?python=private&model=tiny.en';

export function createFasterWhisper(
  { python = 'python3', ...options }: FasterWhisperOptions = {},
  process: ProcessOptions = {},
): Engine {
  return createPythonEngine({
    name: 'faster-whisper',
    python: async () => (python === 'private' ? privatePython('faster-whisper') : python),
    script: 'transcribe_faster_whisper.py',
    options,
    process,
    shares_model: true,
    job_options: [...WHISPER_OPTIONS, 'hotwords', 'vad'],
    second_try: {
      what: 'with a voice detector, and each window by itself',
      options: { vad_filter: true, condition_on_previous_text: false },
    },
    install_hint: `${python} -m pip install faster-whisper`,
  });
}
