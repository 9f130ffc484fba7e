/** Facts of the job, and the worker that has it. */
import { ActionIcon, CopyButton } from '@mantine/core';
import { useEffect } from 'react';
import { Link } from 'wouter';
import type { Job } from '../../../../protocol/job.ts';
import type { JobWhy } from '../../../../protocol/why.ts';
import type { Worker } from '../../../../protocol/worker.ts';
import { ended } from '../../live/reduce-job.ts';
import { useLive, useRecord } from '../../live/use-live.ts';
import { Facts } from '../../parts/facts.tsx';
import { bytes, duration, factor, percent, usd } from '../../parts/format.ts';
import { Icon } from '../../parts/icon.tsx';
import { optionFacts } from '../../parts/option-words.ts';
import { Panel } from '../../parts/panel.tsx';
import { Ago, At } from '../../parts/time.tsx';
import styles from './job-facts.module.css';

export function JobFacts({ job, why }: { job: Job; why: JobWhy | null }) {
  const live = useLive();
  const worker = useRecord(live.workers, job.worker?.worker_id ?? '');
  const { input, output, performance, cost_tracking: cost, priority, tags, metadata, retry_info } = job;
  const { model, device } = worker?.capabilities ?? {};
  const audio = [
    input.duration_seconds === null ? null : duration(input.duration_seconds),
    input.file_size_bytes === null ? null : bytes(input.file_size_bytes),
  ];
  const over = ended(job.state);
  return (
    <Panel title="Facts">
      <Facts
        facts={[
          ['Job', <JobId key="id" id={job.job_id} />],
          [
            'Recording',
            <span key="url" className={styles.url} title={input.s3_path}>
              <bdi>{input.s3_path}</bdi>
            </span>,
          ],
          ['Audio', audio.filter((part) => part !== null).join(', ')],
          ['Model', [model, device].filter(Boolean).join(', ')],
          ...optionFacts(job),
          ['Priority', priority],
          ['Tags', <Tags key="tags" tags={tags} />],
          ['Submitted', <At key="at" at={job.created_at} />],
          ['Waited', performance.queue_time_seconds === null ? null : duration(performance.queue_time_seconds)],
          [
            over ? 'Took' : 'Worked',
            performance.processing_time_seconds === null ? null : duration(performance.processing_time_seconds),
          ],
          ['Finished', job.completed_at && <At key="at" at={job.completed_at} />],
          [
            over ? 'Cost' : 'Cost so far',
            <span key="cost" title={why?.cost}>
              {usd(cost.actual_cost_usd)}
            </span>,
          ],
          ['Expected cost', cost.estimated_cost_usd === null ? null : usd(cost.estimated_cost_usd)],
          ['Pace', performance.throughput_factor ? <Pace key="pace" job={job} /> : null],
          ['Attempt', `${retry_info.attempt} of ${retry_info.max_attempts}`],
          ['Confidence', output.confidence_score === null ? null : percent(output.confidence_score * 100)],
          ['URL valid until', input.audio_url_expires_at && <At key="at" at={input.audio_url_expires_at} />],
          ...Object.entries(metadata).map(([name, value]) => [name, <bdi key={name}>{value}</bdi>] as const),
        ]}
      />
    </Panel>
  );
}

function JobId({ id }: { id: string }) {
  return (
    <span className={styles.id}>
      <span className="mono">{id}</span>
      <CopyButton value={id}>
        {({ copied, copy }) => (
          <ActionIcon size="xs" onClick={copy} aria-label={copied ? 'Copied' : 'Copy the id'}>
            <Icon name={copied ? 'check' : 'copy'} size={12} />
          </ActionIcon>
        )}
      </CopyButton>
    </span>
  );
}

function Tags({ tags }: { tags: readonly string[] }) {
  return tags.map((tag, index) => (
    <span key={tag}>
      {index > 0 && ', '}
      <Link href={`/jobs?${new URLSearchParams({ tag })}`}>
        <bdi>{tag}</bdi>
      </Link>
    </span>
  ));
}

/** `3.1 × (9.6 × usual)` */
function Pace({ job }: { job: Job }) {
  const { throughput_factor } = job.performance;
  if (!throughput_factor) return null;
  const usual = job.verdict?.evidence.usual_seconds_per_audio_second;
  const slow = job.verdict?.status === 'slow';
  return (
    <span data-tone={slow ? 'warn' : undefined} className={styles.pace}>
      {factor(throughput_factor)}
      {typeof usual === 'number' && usual > 0 ? ` (${factor(1 / usual)} usual)` : ' real time'}
    </span>
  );
}

export function WorkerFacts({ worker_id }: { worker_id: string }) {
  const live = useLive();
  const worker = useRecord(live.workers, worker_id);
  const known = worker !== undefined;
  useEffect(() => {
    if (!known)
      live.api.workers.get(worker_id).then(
        (found) => live.tookWorker(found),
        () => {},
      );
  }, [live, worker_id, known]);
  return (
    <Panel
      title="Worker"
      aside={
        <Link href={`/workers/${encodeURIComponent(worker_id)}`} className="mono">
          {worker_id}
        </Link>
      }
    >
      {worker ? <Facts facts={factsOf(worker)} /> : <p className={styles.none}>It is no longer known.</p>}
    </Panel>
  );
}

function factsOf({ state, health, last_heartbeat, location, reason }: Worker): (readonly [string, React.ReactNode])[] {
  const { instance_type, spot_price } = location;
  const price = spot_price === null ? '' : `${usd(spot_price)}/h`;
  const idle = state === 'ACTIVE' && health.gpu_usage !== null && health.gpu_usage < 5;
  return [
    ['State', `${state.toLowerCase()}${health.status === 'HEALTHY' ? '' : `, ${health.status.toLowerCase()}`}`],
    ['Reason', reason ?? health.reason],
    ['Last beat', last_heartbeat && <Ago key="at" at={last_heartbeat} />],
    [
      'GPU',
      health.gpu_usage === null ? null : (
        <span key="gpu" className={styles.pace} data-tone={idle ? 'bad' : undefined}>
          {percent(health.gpu_usage)}
        </span>
      ),
    ],
    ['CPU', health.cpu_usage === null ? null : percent(health.cpu_usage)],
    ['Memory', health.memory_usage === null ? null : percent(health.memory_usage)],
    ['Instance', [instance_type, price].filter(Boolean).join(', ')],
  ];
}
