/** How far the job is, why it is there, and what can be done. */
import { Button, Tooltip } from '@mantine/core';
import { Link } from 'wouter';
import type { Job } from '../../../../protocol/job.ts';
import type { JobWhy } from '../../../../protocol/why.ts';
import { expectedAt } from '../../live/expected.ts';
import { ended } from '../../live/reduce-job.ts';
import { useLive } from '../../live/use-live.ts';
import { useMayAny } from '../../live/use-may.tsx';
import { useAct } from '../../parts/act.tsx';
import { useNow } from '../../parts/clock.ts';
import { count, duration, place } from '../../parts/format.ts';
import { stateWord } from '../../parts/job-words.ts';
import { Panel } from '../../parts/panel.tsx';
import { ProgressBar } from '../../parts/progress-bar.tsx';
import { doable, remedyOf } from '../../parts/remedy.ts';
import { RemedyButton } from '../../parts/remedy-button.tsx';
import { At, Sentence } from '../../parts/time.tsx';
import styles from './progress-panel.module.css';

export function ProgressPanel({ job, why }: { job: Job; why: JobWhy | null }) {
  const { state, progress, retry_info, worker } = job;
  const mayAny = useMayAny();
  const { attempt, max_attempts } = retry_info;
  const running = state === 'PROCESSING' || state === 'CANCELLING';
  const on = worker && running ? ` on ${worker.worker_id}` : '';
  return (
    <Panel title="Progress" aside={`attempt ${attempt} of ${max_attempts}${on}`}>
      <div className={styles.body}>
        <div className={styles.head}>
          <b>{running || state === 'COMPLETED' ? `${Math.floor(progress.percentage)} %` : capital(stateWord(state))}</b>
          <span>{whereOf(job)}</span>
          <Expected job={job} />
        </div>
        <ProgressBar job={job} large />
        {why && state !== 'FAILED' && (
          <p className={styles.why}>
            <Sentence text={why.answer} />
            <ExpectedStart why={why} />
            {why.remedy && !ended(state) && doable([why.remedy], mayAny).length > 0 && <b> {why.remedy.what}.</b>}
          </p>
        )}
        <Failure job={job} />
        <Actions job={job} why={why} />
      </div>
    </Panel>
  );
}

/** `chunk 12 of 40 · TRANSCRIBING · 12:40 / 38:15` */
function whereOf({ state, progress, input, verdict }: Job): string {
  const stands = verdict?.status === 'hung' || verdict?.status === 'dead';
  const { stage, current_chunk, total_chunks, percentage, eta_seconds } = progress;
  if (state === 'COMPLETED') return '';
  if (state === 'FAILED' || state === 'CANCELLED') return stage ? `while ${stage.toLowerCase()}` : '';
  const duration_seconds = input.duration_seconds;
  const parts = [
    total_chunks === null ? null : `chunk ${count(current_chunk ?? 0)} of ${count(total_chunks)}`,
    stage,
    duration_seconds === null || percentage === 0
      ? null
      : `${place((duration_seconds * percentage) / 100)} / ${place(duration_seconds)}`,
    state === 'PROCESSING' && eta_seconds && !stands ? `about ${duration(eta_seconds)} left` : null,
  ];
  return parts.filter((part) => part !== null).join(' · ');
}

function Expected({ job }: { job: Job }) {
  const expected = expectedAt(job, useNow());
  if (expected === null || job.state !== 'PROCESSING') return null;
  return <span className={styles.expected}>should be at {Math.floor(expected)} % by now</span>;
}

function ExpectedStart({ why }: { why: JobWhy }) {
  const start = why.queue?.expected_start;
  if (!start) return null;
  return (
    <>
      {' '}
      Expected to start at <At at={start.p50} />, nine times in ten by <At at={start.p90} />.
    </>
  );
}

const FAULTS = {
  audio:
    'the fault of the recording: another attempt would fail in the same way. Replace the recording and submit it again',
  worker: 'the fault of the worker: another worker may well succeed',
  service: 'the fault of a service between them: another attempt may well succeed',
} as const;

function Failure({ job }: { job: Job }) {
  const { last_error: error, next_attempt_at, attempt } = job.retry_info;
  if (!error || job.state === 'COMPLETED') return null;
  const over = job.state === 'FAILED';
  const whose = error.fault
    ? FAULTS[error.fault]
    : error.retryable
      ? 'may succeed in another attempt'
      : 'no further attempt is made';
  return (
    <div className={styles.failure} data-over={over || undefined}>
      <p>
        <span className="mono">{error.code}</span> {over ? '' : `in attempt ${Math.max(1, attempt - 1)}`}
      </p>
      <p className={styles.message}>{error.message}</p>
      <p>
        {capital(whose)}.
        {next_attempt_at && (
          <>
            {' '}
            The next attempt may begin at <At at={next_attempt_at} />.
          </>
        )}
      </p>
    </div>
  );
}

function Actions({ job, why }: { job: Job; why: JobWhy | null }) {
  const live = useLive();
  const { api } = live;
  const { busy, act } = useAct();
  const { job_id, state, worker } = job;
  const remedy = why?.remedy ?? remedyOf(job);
  const mayAny = useMayAny();
  const repeats = remedy !== null && /\/(retry|restart)$/.test(remedy.path);
  const cancel = async () => {
    live.took(await api.jobs.cancel(job_id));
    return { text: 'Cancelled.', undo: async () => live.took(await api.jobs.retry(job_id)) };
  };
  const retry = async () => {
    live.took(await api.jobs.retry(job_id));
    return { text: 'Back in the queue with new attempts.' };
  };
  const restart = async () => {
    await api.workers.restart(worker!.worker_id);
    return { text: `${worker!.worker_id} restarts; its job returns to its place.` };
  };
  return (
    <div className={styles.actions}>
      {remedy && <RemedyButton remedies={[remedy]} primary />}
      {(state === 'FAILED' || state === 'CANCELLED') && !repeats && mayAny('submit') && (
        <Button loading={busy} onClick={() => act(retry)}>
          Run again
        </Button>
      )}
      {!ended(state) && state !== 'CANCELLING' && mayAny('submit') && (
        <Button loading={busy} onClick={() => act(cancel)}>
          Cancel
        </Button>
      )}
      {state === 'PROCESSING' && worker && !repeats && mayAny('operate') && (
        <Tooltip
          label="It stops at once; its job returns to its place, and the attempt does not count"
          multiline
          maw={280}
        >
          <Button loading={busy} onClick={() => act(restart)}>
            Restart worker
          </Button>
        </Tooltip>
      )}
      {state === 'PROCESSING' && worker && mayAny('fleet') && (
        <Button component={Link} href={`/workers/${encodeURIComponent(worker.worker_id)}`}>
          Look at the worker
        </Button>
      )}
    </div>
  );
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
