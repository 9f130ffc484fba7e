/** One worker: what it uses and does, what it did, what it costs, and what can be done with it. */
import { useEffect, useState } from 'react';
import { Link, useParams } from 'wouter';
import type { Worker } from '../../../../protocol/worker.ts';
import { NotFoundError } from '../../../../sdk/typescript/index.ts';
import { useJob, useLive, useWorker } from '../../live/use-live.ts';
import { useNow } from '../../parts/clock.ts';
import { Empty } from '../../parts/empty.tsx';
import { Facts } from '../../parts/facts.tsx';
import { count, duration, NONE, percent, usd } from '../../parts/format.ts';
import { nameOf, stageWord } from '../../parts/job-words.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Pill, VerdictPill } from '../../parts/pill.tsx';
import { ProgressBar } from '../../parts/progress-bar.tsx';
import { Ago, At } from '../../parts/time.tsx';
import { UsageCharts } from './usage-charts.tsx';
import styles from './worker.module.css';
import { WorkerActions } from './worker-actions.tsx';
import { WorkerHistory } from './worker-history.tsx';
import { costOf, workerState } from './worker-words.ts';

const PARENT = { name: 'Workers', href: '/workers' };

export function WorkerPage() {
  const { worker_id = '' } = useParams<{ worker_id: string }>();
  const { worker, absent } = useAnyWorker(worker_id);
  if (absent) {
    return (
      <Page title={worker_id} parent={PARENT}>
        <Empty title={`There is no worker ${worker_id}`}>
          <p>
            It never registered, or it ended long ago. <Link href="/workers">All workers</Link>
          </p>
        </Empty>
      </Page>
    );
  }
  if (!worker) {
    return (
      <Page title={worker_id} parent={PARENT}>
        <div aria-busy="true" />
      </Page>
    );
  }
  const { word, tone } = workerState(worker);
  const why = worker.health.reason ?? worker.reason;
  return (
    <Page title={worker_id} parent={PARENT} state={<Pill tone={tone}>{word}</Pill>}>
      <div className={styles.columns}>
        <div className={styles.column}>
          <Panel title="Now" aside={worker.last_heartbeat && <Heartbeat at={worker.last_heartbeat} />}>
            {why && (
              <p className={styles.why} data-tone={tone}>
                {why.charAt(0).toUpperCase() + why.slice(1)}
              </p>
            )}
            {worker.current_job ? (
              <CurrentJob job_id={worker.current_job.job_id} />
            ) : (
              <p className={styles.none}>{worker.state === 'TERMINATED' ? 'It has ended.' : 'It has no job.'}</p>
            )}
            <WorkerActions worker={worker} />
          </Panel>
          <UsageCharts worker={worker} />
          <WorkerHistory worker_id={worker_id} />
        </div>
        <div className={styles.column}>
          <About worker={worker} />
          <Costs worker={worker} />
        </div>
      </div>
    </Page>
  );
}

/** Live, or as it was when it ended. */
function useAnyWorker(worker_id: string): { worker: Worker | undefined; absent: boolean } {
  const live = useLive();
  const known = useWorker(worker_id);
  const [fetched, setFetched] = useState<Worker | 'absent' | null>(null);
  const wanted = known === undefined;
  useEffect(() => {
    if (!wanted) return;
    setFetched(null);
    const stop = new AbortController();
    live.api.workers.get(worker_id, { signal: stop.signal }).then(setFetched, (error: unknown) => {
      if (error instanceof NotFoundError) setFetched('absent');
    });
    return () => stop.abort();
  }, [live, worker_id, wanted]);
  if (known) return { worker: known, absent: false };
  return fetched === 'absent' ? { worker: undefined, absent: true } : { worker: fetched ?? undefined, absent: false };
}

const Heartbeat = ({ at }: { at: string }) => (
  <>
    last heartbeat <Ago at={at} />
  </>
);

function CurrentJob({ job_id }: { job_id: string }) {
  const job = useJob(job_id);
  if (!job) return <div className={styles.job} />;
  const { percentage, stage, current_chunk, total_chunks, eta_seconds } = job.progress;
  return (
    <div className={styles.job}>
      <div className={styles.line}>
        <Link href={`/jobs/${encodeURIComponent(job_id)}`} title={job.input.s3_path}>
          <bdi>{nameOf(job)}</bdi>
        </Link>
        <VerdictPill job={job} />
      </div>
      <ProgressBar job={job} large />
      <div className={styles.figures}>
        <span>
          {percent(percentage)} · {stageWord(stage) || 'Starting'}
          {total_chunks !== null && ` ${current_chunk ?? 0}/${total_chunks}`}
        </span>
        <span>{eta_seconds !== null && `${duration(eta_seconds)} left`}</span>
      </div>
    </div>
  );
}

function About({ worker }: { worker: Worker }) {
  const { capabilities, location, performance, instance_id, created_at, state } = worker;
  const { jobs_completed, jobs_failed, success_rate, average_job_time, total_runtime_seconds } = performance;
  return (
    <>
      <Panel title="Facts">
        <Facts
          facts={[
            ['State', state.toLowerCase()],
            ['Model', capabilities.model],
            ['Other models', capabilities.models?.join(', ')],
            ['Languages', capabilities.languages?.join(', ')],
            ['Options', capabilities.options?.map((name) => name.replaceAll('_', ' ')).join(', ')],
            ['Tags', capabilities.tags?.join(', ')],
            ['Device', capabilities.device],
            ['Batch size', capabilities.batch_size],
            ['Instance', instance_id && <span className="mono">{instance_id}</span>],
            ['Type', location.instance_type],
            ['Zone', location.availability_zone ?? location.region],
            ['Since', <At key="since" at={created_at} />],
          ]}
        />
      </Panel>
      <Panel title="Work">
        <Facts
          facts={[
            ['Completed', `${count(jobs_completed)} jobs`],
            ['Failed attempts', count(jobs_failed)],
            ['Success', percent(success_rate === null ? null : 100 * success_rate, 1)],
            ['Mean time of a job', duration(average_job_time)],
            ['Time on attempts', duration(total_runtime_seconds)],
          ]}
        />
      </Panel>
    </>
  );
}

function Costs({ worker }: { worker: Worker }) {
  const now_ms = useNow();
  const cost = worker.state === 'TERMINATED' ? null : costOf(worker, now_ms);
  const price = worker.location.spot_price;
  return (
    <Panel title="Cost">
      <Facts
        facts={[
          ['Price', price === null ? NONE : `${usd(price)}/h`],
          ['Since it began', usd(cost?.paid_usd)],
          ['With a job', usd(cost?.busy_usd)],
          ['Idle', cost && `${usd(cost.idle_usd)} (${percent(100 * cost.idle_share)})`],
        ]}
      />
    </Panel>
  );
}
