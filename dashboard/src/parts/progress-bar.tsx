/**
 * A job's progress, with a mark where it should be by now. The mark moves on while the bar stands still, so that one
 * look separates slow from fine.
 */
import type { Job } from '../../../protocol/job.ts';
import { expectedAt } from '../live/expected.ts';
import { useNow } from './clock.ts';
import { verdictTone } from './job-words.ts';
import styles from './progress-bar.module.css';

type Shown = Pick<Job, 'state' | 'progress' | 'verdict' | 'expected_percentage' | 'expected_completion' | 'updated_at'>;

export function ProgressBar({ job, large = false }: { job: Shown; large?: boolean }) {
  const { percentage } = job.progress;
  const tone = job.verdict ? verdictTone(job.verdict.status) : job.state === 'FAILED' ? 'bad' : 'ok';
  return (
    <div
      className={styles.bar}
      data-large={large || undefined}
      data-tone={tone}
      role="progressbar"
      aria-label="Progress"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(percentage)}
    >
      <i style={{ width: `${percentage}%` }} />
      {job.state === 'PROCESSING' && <Mark job={job} />}
    </div>
  );
}

function Mark({ job }: { job: Shown }) {
  const expected = expectedAt(job, useNow());
  if (expected === null) return null;
  return <u style={{ left: `${expected}%` }} title={`should be at ${Math.floor(expected)} % by now`} />;
}
