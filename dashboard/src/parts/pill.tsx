/** A state in a word and a colour, with a shape that says it too: a dot for well, a square for what needs somebody. */
import type { ReactNode } from 'react';
import type { Job } from '../../../protocol/job.ts';
import type { Evidence } from '../../../protocol/verdict.ts';
import { useNow } from './clock.ts';
import { briefDuration } from './format.ts';
import { stateTone, stateWord, type Tone, verdictTone, verdictWord } from './job-words.ts';
import styles from './pill.module.css';

export function Pill({ tone, title, children }: { tone: Tone; title?: string | undefined; children: ReactNode }) {
  return (
    <span className={styles.pill} data-tone={tone} title={title}>
      {children}
    </span>
  );
}

/** How long it has been so matters for these; `slow` says by how much instead. */
const AGED: readonly string[] = ['hung', 'dead', 'blocked', 'starved'];

/** The verdict of a job that has not ended, otherwise how it ended. */
export function VerdictPill({ job }: { job: Pick<Job, 'state' | 'verdict' | 'output'> }) {
  const { state, verdict } = job;
  if (!verdict) {
    if (state === 'COMPLETED' && job.output.suspect) return <Pill tone="warn">suspect</Pill>;
    return <Pill tone={stateTone(state)}>{stateWord(state)}</Pill>;
  }
  const { status, reason } = verdict;
  const waits = status === 'on_track' && (state === 'QUEUED' || state === 'SUBMITTED');
  if (waits) return <Pill tone="idle">{stateWord(state)}</Pill>;
  return (
    <Pill tone={verdictTone(status)} title={reason}>
      {verdictWord(status)}
      {AGED.includes(status) && (
        <>
          {' '}
          <Since at={verdict.since} />
        </>
      )}
      {status === 'slow' && slowness(verdict.evidence)}
    </Pill>
  );
}

function Since({ at }: { at: string }) {
  return briefDuration((useNow() - Date.parse(at)) / 1000);
}

/** ` ×3.1`: how much longer a minute of audio takes than usual. */
function slowness({ seconds_per_audio_second: pace, usual_seconds_per_audio_second: usual }: Evidence): string {
  return typeof pace === 'number' && typeof usual === 'number' && usual > 0 ? ` ×${(pace / usual).toFixed(1)}` : '';
}
