/** The jobs that a worker has had, newest first. */
import { Button } from '@mantine/core';
import { useCallback, useEffect, useState } from 'react';
import { Link, useLocation } from 'wouter';
import type { WorkerJob } from '../../../../sdk/typescript/index.ts';
import { useJob, useLive, useRecord } from '../../live/use-live.ts';
import { duration, NONE, usd } from '../../parts/format.ts';
import { nameOf } from '../../parts/job-words.ts';
import { Panel } from '../../parts/panel.tsx';
import { VerdictPill } from '../../parts/pill.tsx';
import table from '../../parts/table.module.css';
import { type Column, Table } from '../../parts/table.tsx';
import { At } from '../../parts/time.tsx';

const PAGE = 20;

const COLUMNS: readonly Column<WorkerJob>[] = [
  { name: 'File', narrow: true, cell: ({ job_id }) => <Name job_id={job_id} /> },
  { name: 'Began', width: '112px', muted: true, cell: ({ assigned_at }) => <At at={assigned_at} /> },
  { name: 'Attempt', width: '72px', right: true, wide: true, cell: ({ attempt }) => attempt },
  { name: 'Took', width: '86px', right: true, cell: ({ job_id }) => <Took job_id={job_id} /> },
  { name: 'Cost', width: '78px', right: true, wide: true, cell: ({ job_id }) => <Cost job_id={job_id} /> },
  { name: 'Now', width: '128px', narrow: true, cell: ({ job_id }) => <State job_id={job_id} /> },
];

export function WorkerHistory({ worker_id }: { worker_id: string }) {
  const live = useLive();
  const [, navigate] = useLocation();
  const { jobs, more, load } = useWorkerJobs(worker_id);
  // A job that it takes is the newest of the list.
  const current = useRecord(live.workers, worker_id)?.current_job?.job_id;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the current job has changed.
  useEffect(() => void load(true), [load, current]);
  return (
    <Panel title="Jobs of this worker">
      {jobs?.length === 0 ? (
        <p className={table.none}>It has had none.</p>
      ) : (
        <Table
          label="Jobs of this worker"
          columns={COLUMNS}
          rows={jobs ?? []}
          keyOf={({ job_id }) => job_id}
          onOpen={({ job_id }) => navigate(`/jobs/${encodeURIComponent(job_id)}`)}
        />
      )}
      {more && (
        <div className={table.more}>
          <Button onClick={() => load(false)}>More</Button>
        </div>
      )}
    </Panel>
  );
}

function useWorkerJobs(worker_id: string) {
  const { api } = useLive();
  const [jobs, setJobs] = useState<readonly WorkerJob[] | null>(null);
  const [limit, setLimit] = useState(PAGE);
  const [more, setMore] = useState(false);
  const load = useCallback(
    async (again: boolean) => {
      const wanted = again ? limit : limit + PAGE;
      if (!again) setLimit(wanted);
      try {
        const page = await api.workers.jobs(worker_id, { limit: wanted }).page();
        setJobs(page.items);
        setMore(page.next_cursor !== null);
      } catch {
        // It is read again with the next job.
      }
    },
    [api, worker_id, limit],
  );
  return { jobs, more, load };
}

function Name({ job_id }: { job_id: string }) {
  const job = useJob(job_id);
  return (
    <Link href={`/jobs/${encodeURIComponent(job_id)}`} onClick={(event) => event.stopPropagation()}>
      {job ? <bdi title={job.input.s3_path}>{nameOf(job)}</bdi> : <span className="mono">{job_id}</span>}
    </Link>
  );
}

function Took({ job_id }: { job_id: string }) {
  return duration(useJob(job_id)?.performance.processing_time_seconds);
}

function Cost({ job_id }: { job_id: string }) {
  return usd(useJob(job_id)?.cost_tracking.actual_cost_usd);
}

function State({ job_id }: { job_id: string }) {
  const job = useJob(job_id);
  return job ? <VerdictPill job={job} /> : NONE;
}
