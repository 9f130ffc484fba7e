/** faster-whisper: Whisper on CTranslate2, in batches where the batch size is above 1. Reads whatever FFmpeg's libraries read. */
import type { Engine } from './engine.ts';
import { createPythonEngine } from './python-engine.ts';

export type FasterWhisperOptions = {
  /** A size (`large-v3`), a directory, or a model's id at its hub. `large-v3` on a GPU, `base` without one. */
  model?: string;
  /** ISO 639-1; found out from the first 30 s when absent. */
  language?: string;
  /** `cuda` where there is one, when absent. */
  device?: 'cpu' | 'cuda';
  /** `float16` on a GPU, `int8` without one, when absent. */
  compute_type?: string;
  /** What the worker registers. 16 on a GPU, 1 without one, when absent. */
  batch_size?: number;
  /** The Python that has it; `python3` when absent. */
  python?: string;
};

export function createFasterWhisper({ python = 'python3', ...options }: FasterWhisperOptions = {}): Engine {
  return createPythonEngine({
    name: 'faster-whisper',
    python: async () => python,
    script: 'transcribe_faster_whisper.py',
    options,
    install_hint: `${python} -m pip install faster-whisper`,
  });
}
