/** Jobs that wait: figures, the wait over time, and each with its place and expected start. */
import { useEffect, useMemo, useState } from 'react';
import { Link, useLocation } from 'wouter';
import type { Job } from '../../../../protocol/job.ts';
import type { JobWhy } from '../../../../protocol/why.ts';
import { useLive, useValue } from '../../live/use-live.ts';
import { Chart, type ChartSeries } from '../../parts/chart.tsx';
import { useNow } from '../../parts/clock.ts';
import { Empty } from '../../parts/empty.tsx';
import { Figure, Figures } from '../../parts/figure.tsx';
import { briefDuration, count, duration, NONE } from '../../parts/format.ts';
import { nameOf } from '../../parts/job-words.ts';
import { Panel } from '../../parts/panel.tsx';
import { VerdictPill } from '../../parts/pill.tsx';
import table from '../../parts/table.module.css';
import { type Column, Table } from '../../parts/table.tsx';
import { Ago, At } from '../../parts/time.tsx';
import { useHistory } from '../overview/use-history.ts';
import { QueueAction } from './queue-action.tsx';
import styles from './queues.module.css';
import { useJobsOf } from './use-queue-jobs.ts';
import { inOrder, queuedAt } from './waiting-order.ts';

const SHOWN_MAX = 200;
const READ_MAX = 2_000;
const WAITING = { state: 'QUEUED' } as const;

type Row = { job: Job; place: number };

const COLUMNS: readonly Column<Row>[] = [
  { name: 'Place', width: '64px', right: true, narrow: true, cell: ({ place }) => count(place) },
  {
    name: 'File',
    narrow: true,
    cell: ({ job }) => (
      <Link href={`/jobs/${encodeURIComponent(job.job_id)}`} onClick={(event) => event.stopPropagation()}>
        <bdi title={job.input.s3_path}>{nameOf(job)}</bdi>
      </Link>
    ),
  },
  { name: 'Priority', width: '84px', muted: true, cell: ({ job }) => job.priority },
  { name: 'Audio', width: '86px', right: true, cell: ({ job }) => duration(job.input.duration_seconds) },
  {
    name: 'Attempt',
    width: '76px',
    right: true,
    wide: true,
    cell: ({ job }) => `${job.retry_info.attempt} of ${job.retry_info.max_attempts}`,
  },
  { name: 'Waits', width: '76px', right: true, narrow: true, cell: ({ job }) => <Ago at={queuedAt(job)} bare /> },
  { name: 'Expected start', width: '150px', muted: true, cell: ({ job, place }) => <Start job={job} place={place} /> },
  { name: 'Verdict', width: '128px', cell: ({ job }) => <VerdictPill job={job} /> },
];

export function MainQueue() {
  const live = useLive();
  const queue = useValue(live.queue);
  const [, navigate] = useLocation();
  const read = useJobsOf(WAITING, READ_MAX);
  const rows = useMemo(
    () => inOrder(read?.jobs ?? [], Date.now()).map((job, index) => ({ job, place: index + 1 })),
    [read],
  );
  if (!queue || !read) return <div aria-busy="true" />;
  const waiting = queue.messages_visible + queue.messages_delayed;
  return (
    <>
      <Figures>
        <Figure name="Waiting" value={count(queue.messages_visible)} unit="jobs" beside="may be claimed now" />
        <Figure
          name="Oldest"
          value={<Oldest seconds={queue.age_oldest_message} at={queue.updated_at} />}
          beside="since it was queued"
        />
        <Figure name="Delayed" value={count(queue.messages_delayed)} unit="jobs" beside="before another attempt" />
        <Figure name="Held" value={count(queue.messages_inflight)} unit="jobs" beside="by workers" />
        <Figure name="High priority" value={count(queue.by_priority.high)} unit="jobs" beside="begin first" />
        <Figure
          name="Low priority"
          value={count(queue.by_priority.low)}
          unit="jobs"
          beside={`${count(queue.by_priority.normal)} normal`}
        />
      </Figures>
      <WaitChart />
      {waiting === 0 ? (
        <Panel title="Waiting jobs">
          <Empty title="No job waits">
            <p>
              Jobs begin as soon as a worker is free. <Link href="/submit">Submit audio</Link>
            </p>
          </Empty>
        </Panel>
      ) : (
        <Panel
          title="Waiting jobs, by priority and age"
          aside={
            <QueueAction
              label="Cancel all that wait"
              verb="Cancel"
              done="cancelled"
              danger
              list={() => live.api.queues.purge('main', { dry_run: true })}
              run={(job_ids) => live.api.queues.purge('main', { filter: { job_ids: [...job_ids] } })}
              undo={(job_ids) => Promise.all(job_ids.map((id) => live.api.jobs.retry(id)))}
            />
          }
        >
          <Table
            label="Waiting jobs"
            columns={COLUMNS}
            rows={rows.slice(0, SHOWN_MAX)}
            keyOf={({ job }) => job.job_id}
            onOpen={({ job }) => navigate(`/jobs/${encodeURIComponent(job.job_id)}`)}
          />
          {waiting > SHOWN_MAX && (
            <div className={table.more}>
              <Link href="/jobs?state=QUEUED">All {count(waiting)} waiting jobs</Link>
            </div>
          )}
        </Panel>
      )}
    </>
  );
}

function Oldest({ seconds, at }: { seconds: number | null; at: string }) {
  const now_ms = useNow();
  if (seconds === null) return NONE;
  return briefDuration(seconds + Math.max(0, (now_ms - Date.parse(at)) / 1000));
}

const SERIES: readonly ChartSeries[] = [
  { name: 'longest wait', kind: 'line', colour: 'warn-fill' },
  { name: 'mean wait', kind: 'line', colour: 'accent-fill' },
];

/** Hours: the longest age of a waiting job, and the mean wait of the jobs that were completed. */
function WaitChart() {
  const hours = useHistory('hour', 24);
  const data = useMemo(() => {
    const known = hours ?? [];
    return [
      known.map(({ period_start }) => Date.parse(period_start) / 1000),
      known.map(({ age_oldest_message_max }) => (age_oldest_message_max ?? 0) / 60),
      known.map(({ average_queue_time }) => (average_queue_time === null ? null : average_queue_time / 60)),
    ] as [number[], number[], (number | null)[]];
  }, [hours]);
  const longest = Math.max(0, ...data[1]);
  return (
    <Panel
      title="Wait, by hour"
      className={styles.panel}
      aside={
        <ul className={styles.legend}>
          <li>longest</li>
          <li data-colour="accent">mean of completed jobs</li>
        </ul>
      }
    >
      <div className={styles.plot}>
        <Chart
          data={data}
          series={SERIES}
          height={130}
          least={5}
          format={(minutes) => `${minutes} m`}
          label={`In the last 24 hours the longest wait of a job was ${duration(60 * longest)}`}
        />
      </div>
    </Panel>
  );
}

/** Asked of the first ones only: it takes a request each. */
const ASKED_PLACES = 30;

function Start({ job, place }: { job: Job; place: number }) {
  const { api } = useLive();
  const [why, setWhy] = useState<JobWhy['queue']>(null);
  const { next_attempt_at } = job.retry_info;
  const asked = place <= ASKED_PLACES;
  useEffect(() => {
    if (!asked) return;
    const stop = new AbortController();
    api.jobs.why(job.job_id, { signal: stop.signal }).then(
      ({ queue }) => setWhy(queue),
      () => {},
    );
    return () => stop.abort();
  }, [api, job.job_id, asked]);
  if (next_attempt_at !== null && Date.parse(next_attempt_at) > Date.now()) {
    return (
      <>
        not before <At at={next_attempt_at} />
      </>
    );
  }
  const start = why?.expected_start;
  if (!start) return NONE;
  return (
    <span title="In one of two cases it has begun by the first, in nine of ten by the second">
      <At at={start.p50} /> – <At at={start.p90} />
    </span>
  );
}
