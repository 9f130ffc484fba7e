/** Workers as rows. */
import { Link, useLocation } from 'wouter';
import type { Worker } from '../../../../protocol/worker.ts';
import { useJob, useWorker } from '../../live/use-live.ts';
import { count, NONE, percent, usd } from '../../parts/format.ts';
import { nameOf } from '../../parts/job-words.ts';
import { Pill } from '../../parts/pill.tsx';
import table from '../../parts/table.module.css';
import { Cells, type Column, Head, useColumns } from '../../parts/table.tsx';
import { Ago } from '../../parts/time.tsx';
import { workerState } from './worker-words.ts';

const hrefOf = ({ worker_id }: Pick<Worker, 'worker_id'>): string => `/workers/${encodeURIComponent(worker_id)}`;

const COLUMNS: readonly Column<Worker>[] = [
  {
    name: 'Worker',
    width: '190px',
    narrow: true,
    cell: (worker) => (
      <Link
        href={hrefOf(worker)}
        className="mono"
        title={worker.worker_id}
        onClick={(event) => event.stopPropagation()}
      >
        {worker.worker_id}
      </Link>
    ),
  },
  {
    name: 'State',
    width: '112px',
    narrow: true,
    cell: (worker) => {
      const { word, tone } = workerState(worker);
      return (
        <Pill tone={tone} title={worker.health.reason ?? undefined}>
          {word}
        </Pill>
      );
    },
  },
  { name: 'Job', cell: ({ current_job }) => (current_job ? <JobName job_id={current_job.job_id} /> : NONE) },
  { name: 'GPU', width: '62px', right: true, narrow: true, cell: ({ health }) => percent(health.gpu_usage) },
  { name: 'CPU', width: '62px', right: true, cell: ({ health }) => percent(health.cpu_usage) },
  { name: 'Memory', width: '74px', right: true, cell: ({ health }) => percent(health.memory_usage) },
  { name: 'Disk', width: '62px', right: true, wide: true, cell: ({ health }) => percent(health.disk_usage) },
  { name: 'Zone', width: '112px', muted: true, wide: true, cell: ({ location }) => location.availability_zone ?? NONE },
  {
    name: 'Completed',
    width: '86px',
    right: true,
    wide: true,
    cell: ({ performance }) => count(performance.jobs_completed),
  },
  {
    name: 'Success',
    width: '76px',
    right: true,
    wide: true,
    cell: ({ performance: { success_rate } }) => percent(success_rate === null ? null : 100 * success_rate),
  },
  { name: 'Price', width: '84px', right: true, cell: ({ location }) => `${usd(location.spot_price)}/h` },
  {
    name: 'Heartbeat',
    width: '88px',
    right: true,
    muted: true,
    cell: ({ last_heartbeat }) => (last_heartbeat ? <Ago at={last_heartbeat} /> : NONE),
  },
];

export function WorkerTable({ workers }: { workers: readonly Worker[] }) {
  const columns = useColumns(COLUMNS);
  return (
    <div className={table.scroller}>
      <table className={table.table} aria-label="Workers">
        <Head columns={columns} />
        <tbody>
          {workers.map((worker) => (
            <Row key={worker.worker_id} first={worker} columns={columns} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ first, columns }: { first: Worker; columns: readonly Column<Worker>[] }) {
  const worker = useWorker(first.worker_id) ?? first;
  const [, navigate] = useLocation();
  return (
    // The link in its first cell does the same for the keyboard.
    <tr data-link onClick={() => navigate(hrefOf(worker))}>
      <Cells columns={columns} row={worker} />
    </tr>
  );
}

function JobName({ job_id }: { job_id: string }) {
  const job = useJob(job_id);
  return job ? <bdi title={nameOf(job)}>{nameOf(job)}</bdi> : NONE;
}
