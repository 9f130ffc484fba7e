/** One try of the engine at a job: its progress is reported with the time left, and it is killed if it makes none. */
import type { Part } from './channels/transcribe-channels.ts';
import type { Clock } from './clock.ts';
import type { EngineError, EngineLimits } from './engines/engine.ts';
import { Eta } from './eta.ts';
import type { HeldJob } from './held-job.ts';
import type { LearnedPace } from './learned-pace.ts';
import type { ProgressReports } from './progress-report.ts';
import type { Try } from './quality/checked-transcription.ts';
import { type Pace, StallWatch } from './stall.ts';

export type TryOptions = {
  held: HeldJob;
  reports: ProgressReports;
  /** What is reported is the progress of the whole. */
  part: Part;
  /** Of the recording; its length is corrected by what the engine reads. */
  facts: { duration_seconds: number | null; file_size_bytes: number };
  limits: EngineLimits;
  pace: Pace;
  clock: Clock;
  learned: LearnedPace;
  /** Takes each line that the engine prints. */
  onLog: (line: string) => void;
};

export function beginTry(options: TryOptions): Try {
  const { held, reports, part, facts, limits, pace, clock, learned, onLog } = options;
  const { duration_seconds } = facts;
  const stalled = new AbortController();
  const onStall = (error: EngineError) => stalled.abort(error);
  const watch = new StallWatch({ duration_seconds, limits, pace, clock, onStall });
  const begin = () => new Eta({ started_ms: performance.now(), audio_seconds: facts.duration_seconds, pace: learned });
  let eta = begin();
  let done = 0;
  const withRest = (left: number | null) => (left === null ? null : left + secondsOfRest(left, done, options));
  held.secondsLeft = () => withRest(eta.secondsAtMost(performance.now()));
  return {
    signal: AbortSignal.any([held.signal, stalled.signal]),
    onStage(stage) {
      watch.enter(stage);
      eta = begin();
      done = 0;
      reports.note({ stage, percentage: ofWhole(0, part), ...facts });
    },
    onLog,
    onAudio(audio) {
      watch.lasts(audio.duration_seconds);
      eta.audio_seconds = audio.duration_seconds;
      facts.duration_seconds = audio.duration_seconds;
    },
    onProgress({ percentage, current_chunk, total_chunks }) {
      const now_ms = performance.now();
      watch.step(percentage);
      eta.note(percentage, now_ms);
      done = percentage;
      reports.note({
        stage: 'TRANSCRIBING',
        percentage: ofWhole(percentage, part),
        current_chunk: part.index * total_chunks + current_chunk,
        total_chunks: part.count * total_chunks,
        eta_seconds: withRest(eta.seconds(now_ms)),
        ...facts,
      });
    },
    ended(well) {
      watch.stop();
      if (!well) return;
      watch.done();
      eta.learn(performance.now());
    },
  };
}

/** A percentage of the part, as one of the whole. */
export const ofWhole = (percentage: number, { index, count }: Part): number => (100 * index + percentage) / count;

/** For the parts that come after this one, each as long as it: by the pace of earlier jobs, or by that of this part. */
function secondsOfRest(left: number, percentage: number, { part, learned, facts }: TryOptions): number {
  const rest = part.count - 1 - part.index;
  if (rest === 0) return 0;
  const known = facts.duration_seconds === null ? null : learned.work_ms(facts.duration_seconds);
  const each = known === null ? (left * 100) / Math.max(1, 100 - percentage) : known / 1000;
  return Math.round(rest * each * 10) / 10;
}
