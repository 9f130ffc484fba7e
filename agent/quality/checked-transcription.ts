/**
 * A transcription with its quality: the transcript is compared with what can be heard, and if it is suspect and the engine
 * has other options, the audio is transcribed once more with them. The better of the two is the result, the first if both are
 * as good.
 */
import type { Transcript, TranscriptQuality } from '../../protocol/transcript.ts';
import type { Engine, TranscribeOptions, TranscribeTask } from '../engines/engine.ts';
import { EngineError } from '../engines/engine.ts';
import type { Heard } from './heard.ts';
import { isBetter, judge } from './judge.ts';
import type { OnSuspect } from './on-suspect.ts';

/** What the engine needs for one try. */
export type Try = Omit<TranscribeOptions, 'onHeard'> & {
  /** Called when the engine has ended: with a transcript, or not. */
  ended: (well: boolean) => void;
};

export type CheckedOptions = {
  signal: AbortSignal;
  onSuspect: OnSuspect;
  begin: () => Try;
  /** For engines that don't say what can be heard; null if it can't be measured. */
  measure: () => Promise<Heard | null>;
  /** Called before the second try. `what`: the other options. */
  onSecondTry: (quality: TranscriptQuality, what: string) => void;
};

export type Checked = Transcript & { quality: TranscriptQuality };

export async function transcribeChecked(
  engine: Engine,
  task: TranscribeTask,
  { signal, onSuspect, begin, measure, onSecondTry }: CheckedOptions,
): Promise<Checked> {
  const tried = await once(engine, task, begin());
  const heard = tried.heard ?? (await measure());
  const transcript = withTrueLength(tried, task, heard);
  const quality = judge(transcript, heard);
  const first = { ...transcript, quality };
  if (!quality.suspect || onSuspect === 'keep' || engine.second_try === undefined) return first;

  onSecondTry(quality, engine.second_try);
  try {
    const { transcript: again } = await once(engine, { ...task, second_try: true }, begin());
    const second = { ...again, duration_seconds: first.duration_seconds, quality: judge(again, heard) };
    return isBetter(second.quality, first.quality) ? second : first;
  } catch (error) {
    signal.throwIfAborted();
    // The first transcript is there, and marked.
    if (error instanceof EngineError) return first;
    throw error;
  }
}

type Tried = {
  transcript: Transcript;
  heard: Heard | null;
  /** Whether the engine has said how long the audio is that it has read. */
  measured: boolean;
};

async function once(engine: Engine, task: TranscribeTask, { ended, ...options }: Try): Promise<Tried> {
  let heard: Heard | null = null;
  let measured = false;
  let well = false;
  try {
    const transcript = await engine.transcribe(task, {
      ...options,
      onAudio(audio) {
        measured = true;
        options.onAudio?.(audio);
      },
      onHeard(reported) {
        heard = reported;
      },
    });
    well = true;
    return { transcript, heard, measured };
  } finally {
    ended(well);
  }
}

/** The length in a header is advice; that of the decoded audio is the truth, whoever decoded it. */
function withTrueLength({ transcript, measured }: Tried, task: TranscribeTask, heard: Heard | null): Transcript {
  const { duration_seconds: advice } = task;
  const advised = advice === null || transcript.duration_seconds === milliseconds(advice);
  if (measured || !advised || heard === null) return transcript;
  return { ...transcript, duration_seconds: milliseconds(heard.duration_seconds) };
}

const milliseconds = (seconds: number): number => Math.round(seconds * 1000) / 1000;
