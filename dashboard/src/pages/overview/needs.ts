/** What needs somebody: active alerts, jobs off track and workers that are lost, the worst and oldest first, each once. */
import type { Alert } from '../../../../protocol/alert.ts';
import type { Job } from '../../../../protocol/job.ts';
import type { Worker } from '../../../../protocol/worker.ts';
import { isolated, nameOf, type Tone, verdictTone } from '../../parts/job-words.ts';
import { type Remedy, remedyOf } from '../../parts/remedy.ts';

export type Need = {
  key: string;
  tone: Tone;
  title: string;
  /** The figures behind it, in a sentence. */
  evidence: string;
  since: string;
  href: string;
  /** What helps; of several alike, one for each. */
  remedies: readonly Remedy[];
  /** Of the button, in place of the usual word. */
  label?: string;
  /** Alerts that somebody can take up. */
  alerts: readonly string[];
};

type Known = { alerts: Iterable<Alert>; jobs: Iterable<Job>; workers: Iterable<Worker> };

const TONES = { CRITICAL: 'bad', WARNING: 'warn', INFO: 'idle' } as const;
const ORDER: readonly Tone[] = ['bad', 'warn', 'idle'];

/** Alerts that somebody has taken up need nobody else. */
export function needsOf({ alerts, jobs, workers }: Known): Need[] {
  const open = [...alerts].filter((alert) => !alert.acknowledged);
  const offTrack = [...jobs].filter((job) => job.verdict && job.verdict.status !== 'on_track');
  const lost = [...workers].filter(({ health, state }) => health.status === 'UNHEALTHY' && state !== 'TERMINATED');
  const subjects = new Set([...offTrack.map((job) => job.job_id), ...lost.map((worker) => worker.worker_id)]);
  const alertsOf = (subject: string) => open.filter((alert) => alert.subject === subject).map(({ id }) => id);
  const needs = [
    ...grouped(offTrack.map((job) => needOfJob(job, alertsOf(job.job_id)))),
    ...grouped(lost.map((worker) => needOfWorker(worker, alertsOf(worker.worker_id)))),
    ...grouped(open.filter(({ subject }) => subject === null || !subjects.has(subject)).map(needOfAlert)),
  ];
  return needs.sort((a, b) => ORDER.indexOf(a.tone) - ORDER.indexOf(b.tone) || a.since.localeCompare(b.since));
}

/** `group_min` or more of a kind become one line. */
type Single = Need & { kind: string; name: string; all: (count: number) => string; list: string; group_min: number };

const NAMED_MAX = 3;

function grouped(singles: readonly Single[]): Need[] {
  return Object.values(Object.groupBy(singles, ({ kind }) => kind)).flatMap((group = []) => {
    const oldest = group.toSorted((a, b) => a.since.localeCompare(b.since))[0]!;
    if (group.length < oldest.group_min) return group;
    const names = group.slice(0, NAMED_MAX).map(({ name }) => isolated(name));
    const rest = group.length - names.length;
    return [
      {
        ...oldest,
        key: `${oldest.kind} group`,
        title: oldest.all(group.length),
        evidence: `${names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}: ${oldest.evidence}`,
        href: oldest.list,
        remedies: [...new Map(group.flatMap(({ remedies }) => remedies).map((one) => [one.path, one])).values()],
        alerts: group.flatMap(({ alerts }) => alerts),
      },
    ];
  });
}

function needOfJob(job: Job, alerts: readonly string[]): Single {
  const { status, reason, since } = job.verdict!;
  return {
    key: job.job_id,
    kind: `job ${status}`,
    name: nameOf(job),
    tone: verdictTone(status),
    title: `${isolated(nameOf(job))} is ${status}`,
    all: (count) => `${count} jobs are ${status}`,
    evidence: reason,
    since,
    href: `/jobs/${encodeURIComponent(job.job_id)}`,
    list: `/jobs?verdict=${status}`,
    remedies: [remedyOf(job)].filter((remedy) => remedy !== null),
    group_min: 3,
    alerts,
  };
}

function needOfWorker(worker: Worker, alerts: readonly string[]): Single {
  const { worker_id, health, last_heartbeat, created_at, current_job } = worker;
  const holds = current_job ? ' It holds a job.' : '';
  return {
    key: worker_id,
    kind: 'worker lost',
    name: worker_id,
    tone: 'bad',
    title: `Worker ${worker_id} is lost`,
    all: (count) => `${count} workers are lost`,
    evidence: `${health.reason ?? 'It sends no heartbeats.'}${holds}`,
    since: last_heartbeat ?? created_at,
    href: `/workers/${encodeURIComponent(worker_id)}`,
    list: '/workers?health=UNHEALTHY',
    remedies: [
      {
        what: `Terminate worker ${worker_id}; its jobs return to the queue now`,
        method: 'DELETE',
        path: `/api/v1/workers/${encodeURIComponent(worker_id)}`,
      },
    ],
    ...(current_job ? {} : { label: 'Terminate' }),
    group_min: 2,
    alerts,
  };
}

function needOfAlert(alert: Alert): Single {
  const { id, rule, subject, severity, message, description, fired_at, created_at } = alert;
  return {
    key: id,
    kind: `alert ${rule} ${severity}`,
    name: subject ?? rule,
    tone: TONES[severity],
    title: message,
    all: (count) => `${count} alerts of ${rule}`,
    evidence: description ?? `Alert rule ${rule}.`,
    since: fired_at ?? created_at,
    href: `/alerts?alert=${encodeURIComponent(id)}`,
    list: `/alerts?rule=${encodeURIComponent(rule)}`,
    remedies: [],
    group_min: 3,
    alerts: [id],
  };
}
