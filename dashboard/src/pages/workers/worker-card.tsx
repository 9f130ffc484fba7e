/** One worker of the grid: its state, what it uses, and the job that it holds. */
import { Link } from 'wouter';
import type { Worker } from '../../../../protocol/worker.ts';
import { useJob, useWorker } from '../../live/use-live.ts';
import { briefDuration, percent } from '../../parts/format.ts';
import { nameOf } from '../../parts/job-words.ts';
import { Meter } from '../../parts/meter.tsx';
import { Pill } from '../../parts/pill.tsx';
import { ProgressBar } from '../../parts/progress-bar.tsx';
import { Ago } from '../../parts/time.tsx';
import { workerState } from './worker-words.ts';
import styles from './workers.module.css';

const FULL_PERCENT = 95;

/** `first`: as it was when the list was made; one that is live changes by itself. */
export function WorkerCard({ first }: { first: Worker }) {
  const worker = useWorker(first.worker_id) ?? first;
  const { worker_id, health, current_job, state } = worker;
  const { word, tone } = workerState(worker);
  return (
    <Link
      href={`/workers/${encodeURIComponent(worker_id)}`}
      className={styles.card!}
      data-tone={tone}
      data-ended={state === 'TERMINATED' || undefined}
    >
      <span className={styles.title}>
        <span className="mono" title={worker_id}>
          {worker_id}
        </span>
        <Pill tone={tone} title={health.reason ?? undefined}>
          {word}
        </Pill>
      </span>
      <span className={styles.meters}>
        {health.gpu_usage !== null && <Meter name="GPU" value={health.gpu_usage} />}
        <Meter name="CPU" value={health.cpu_usage} />
        <Meter name="Mem" value={health.memory_usage} high={FULL_PERCENT} />
        {(health.gpu_usage === null || (health.disk_usage ?? 0) >= FULL_PERCENT) && (
          <Meter name="Disk" value={health.disk_usage} high={FULL_PERCENT} />
        )}
      </span>
      <span className={styles.doing}>
        {current_job ? <Doing job_id={current_job.job_id} /> : <Idle worker={worker} />}
      </span>
    </Link>
  );
}

function Doing({ job_id }: { job_id: string }) {
  const job = useJob(job_id);
  if (!job) return null;
  const { percentage, eta_seconds } = job.progress;
  return (
    <>
      <span className={styles.line}>
        <bdi title={nameOf(job)}>{nameOf(job)}</bdi>
        <span>{eta_seconds === null ? percent(percentage) : briefDuration(eta_seconds)}</span>
      </span>
      <ProgressBar job={job} />
    </>
  );
}

function Idle({ worker: { health, reason, state, last_heartbeat } }: { worker: Worker }) {
  const lost = state !== 'TERMINATED' && health.status === 'UNHEALTHY';
  const why = lost ? 'silent, last heartbeat' : (health.reason ?? reason);
  return (
    <span className={styles.line}>
      <span title={why ?? undefined}>{why ?? (state === 'IDLE' ? 'has no job' : state.toLowerCase())}</span>
      {last_heartbeat && <Ago at={last_heartbeat} />}
    </span>
  );
}
