/** One try of the engine at a job: its progress is reported with the time left, and it is killed if it makes none. */
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
  /** Of the recording; its length is corrected by what the engine reads. */
  facts: { duration_seconds: number | null; file_size_bytes: number };
  limits: EngineLimits;
  pace: Pace;
  clock: Clock;
  learned: LearnedPace;
  /** Takes each line that the engine prints. */
  onLog: (line: string) => void;
};

export function beginTry({ held, reports, facts, limits, pace, clock, learned, onLog }: TryOptions): Try {
  const { duration_seconds } = facts;
  const stalled = new AbortController();
  const onStall = (error: EngineError) => stalled.abort(error);
  const watch = new StallWatch({ duration_seconds, limits, pace, clock, onStall });
  const begin = () => new Eta({ started_ms: performance.now(), audio_seconds: facts.duration_seconds, pace: learned });
  let eta = begin();
  held.secondsLeft = () => eta.secondsAtMost(performance.now());
  return {
    signal: AbortSignal.any([held.signal, stalled.signal]),
    onStage(stage) {
      watch.enter(stage);
      eta = begin();
      reports.note({ stage, percentage: 0, ...facts });
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
      const eta_seconds = eta.seconds(now_ms);
      reports.note({ stage: 'TRANSCRIBING', percentage, current_chunk, total_chunks, eta_seconds, ...facts });
    },
    ended(well) {
      watch.stop();
      if (!well) return;
      watch.done();
      eta.learn(performance.now());
    },
  };
}
