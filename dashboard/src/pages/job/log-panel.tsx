/** What the engine printed during an attempt. It is fetched when somebody wants to see it, and again as the attempt goes on. */
import { Button, SegmentedControl } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { Job } from '../../../../protocol/job.ts';
import { NotFoundError } from '../../../../sdk/typescript/index.ts';
import { useLive } from '../../live/use-live.ts';
import { CommandLine } from '../../parts/command-line.tsx';
import { Panel } from '../../parts/panel.tsx';
import styles from './log-panel.module.css';

/** More attempts than that are not offered one by one. */
const ATTEMPTS_SHOWN = 6;

export function LogPanel({ job }: { job: Job }) {
  const { attempt: last } = job.retry_info;
  const [chosen, setChosen] = useState<number | null>(null);
  const [open, setOpen] = useState(false);
  const attempt = Math.min(chosen ?? last, last);
  const first = Math.max(1, last - ATTEMPTS_SHOWN + 1);
  const numbers = Array.from({ length: last - first + 1 }, (_, n) => String(first + n));
  if (job.started_at === null) return null;
  return (
    <Panel
      title="What the engine printed"
      aside={
        numbers.length > 1 && (
          <SegmentedControl
            data={numbers}
            value={String(attempt)}
            onChange={(value) => setChosen(Number(value))}
            aria-label="Attempt"
          />
        )
      }
    >
      <div className={styles.log}>
        {open ? <Log job={job} attempt={attempt} /> : <Button onClick={() => setOpen(true)}>Show the log</Button>}
      </div>
    </Panel>
  );
}

function Log({ job, attempt }: { job: Job; attempt: number }) {
  const { text, error } = useAttemptLog(job, attempt);
  if (error instanceof NotFoundError)
    return <p>Its worker has sent none: the engine has printed nothing, or the worker is an older one.</p>;
  if (error) return <p>It could not be read: {error.message}</p>;
  if (text === null) return <p aria-busy="true">Loading …</p>;
  return <CommandLine command={text === '' ? 'Nothing yet.' : text} />;
}

/** Fetched again with each report of the attempt; the last 64 KiB are kept. */
function useAttemptLog({ job_id, state, updated_at }: Job, attempt: number) {
  const { api } = useLive();
  const [log, setLog] = useState<{ of: string; text: string | null; error: Error | null }>({
    of: '',
    text: null,
    error: null,
  });
  const of = `${job_id} ${attempt}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each report may have brought more.
  useEffect(() => {
    const stop = new AbortController();
    api.jobs.attemptLog(job_id, attempt, { signal: stop.signal }).then(
      ({ text }) => setLog({ of, text, error: null }),
      (error: Error) => {
        if (!stop.signal.aborted) setLog({ of, text: null, error });
      },
    );
    return () => stop.abort();
  }, [api, job_id, attempt, of, state, updated_at]);
  return log.of === of ? log : { text: null, error: null };
}
