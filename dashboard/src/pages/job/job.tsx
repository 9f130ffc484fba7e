/** One job: where it is and why, its attempts, its transcript beside the recording, and all that is known of it. */
import { Button } from '@mantine/core';
import { useEffect, useMemo, useState } from 'react';
import { Link, useParams } from 'wouter';
import { NotFoundError } from '../../../../sdk/typescript/index.ts';
import { useJob, useLive } from '../../live/use-live.ts';
import { May } from '../../live/use-may.tsx';
import { Empty } from '../../parts/empty.tsx';
import { nameOf } from '../../parts/job-words.ts';
import { Page } from '../../parts/page.tsx';
import { VerdictPill } from '../../parts/pill.tsx';
import { ProgramPanel } from '../../parts/program.tsx';
import { HistoryPanel } from './history-panel.tsx';
import styles from './job.module.css';
import { JobFacts, WorkerFacts } from './job-facts.tsx';
import { jobProgram } from './job-program.ts';
import { LogPanel } from './log-panel.tsx';
import { ProgressPanel } from './progress-panel.tsx';
import { TimelinePanel } from './timeline-panel.tsx';
import { TranscriptPanel } from './transcript-panel.tsx';
import { useWhy } from './use-why.ts';

const JOBS = { name: 'Jobs', href: '/jobs' };

export function JobPage() {
  const { job_id = '' } = useParams<{ job_id: string }>();
  const job = useJob(job_id);
  const missing = useMissing(job_id, job !== undefined);
  const why = useWhy(job);
  const state = job?.state;
  const program = useMemo(
    () => (state ? jobProgram({ job_id, state }, window.location.origin) : null),
    [job_id, state],
  );
  if (!job) {
    return (
      <Page title={job_id} parent={JOBS}>
        {missing && (
          <Empty title="There is no such job">
            <p>{missing.message}</p>
            <Button component={Link} href="/jobs">
              All jobs
            </Button>
          </Empty>
        )}
      </Page>
    );
  }
  return (
    <Page title={nameOf(job)} parent={JOBS} state={<VerdictPill job={job} />}>
      <div className={styles.grid}>
        <div className={styles.column}>
          <ProgressPanel job={job} why={why} />
          <TimelinePanel job={job} />
          <TranscriptPanel job={job} />
          <LogPanel job={job} />
          <HistoryPanel job={job} />
        </div>
        <div className={styles.column}>
          <JobFacts job={job} why={why} />
          {job.worker && (
            <May do="fleet">
              <WorkerFacts worker_id={job.worker.worker_id} />
            </May>
          )}
          {program && <ProgramPanel program={program} />}
        </div>
      </div>
    </Page>
  );
}

/** Why the job can't be shown; null while it is on its way. */
function useMissing(job_id: string, known: boolean): Error | null {
  const { api } = useLive();
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    setError(null);
    if (known) return;
    const stop = new AbortController();
    api.jobs.get(job_id, { signal: stop.signal }).catch((reason: Error) => {
      if (reason instanceof NotFoundError || !stop.signal.aborted) setError(reason);
    });
    return () => stop.abort();
  }, [api, job_id, known]);
  return error;
}
