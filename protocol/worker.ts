/** A worker: a process beside a transcription engine that claims jobs. The documents' Worker State Schema (A36-A41). */

import { type Static, Type } from 'typebox';
import { Id } from './ids.ts';
import { Lease } from './job.ts';
import { ActionTaken } from './policies.ts';
import { WorkerTag } from './requirements.ts';
import { AsOfSeq, Count, closed, Nullable, Ordinal, Percent, Time, TotalSeconds, Usd, Words } from './schema.ts';
import { TenantId } from './tenant.ts';
import { Evidence } from './verdict.ts';

export const WORKER_STATES = ['STARTING', 'IDLE', 'ACTIVE', 'DRAINING', 'RESTARTING', 'TERMINATED'] as const;
export const WorkerStateName = Words(
  WORKER_STATES,
  'STARTING until it registers, ACTIVE while it holds a job, IDLE otherwise; DRAINING finishes its jobs and stops; TERMINATED claims no more.',
);
export type WorkerStateName = Static<typeof WorkerStateName>;

export const WORKER_VERDICTS = ['ok', 'silent', 'suspended', 'idle', 'orphaned', 'missing'] as const;
export const WorkerVerdictStatus = Words(
  WORKER_VERDICTS,
  '`ok`; `silent`: nothing was heard of it for so long that its jobs returned to the queue; `suspended`: its attempts failed by its own fault; ' +
    '`idle`: it has had no job for half an hour; `orphaned`: its instance does not exist; `missing`: its instance runs, but it has not registered.',
);
export type WorkerVerdictStatus = Static<typeof WorkerVerdictStatus>;

export const WorkerVerdict = Type.Object(
  {
    status: WorkerVerdictStatus,
    reason: Type.String({ description: 'One sentence, for people.' }),
    since: Time('Since when it has been so.'),
    evidence: Evidence,
  },
  { $id: 'WorkerVerdict', description: 'Whether a worker does what it is there for, and if not, why.' },
);
export type WorkerVerdict = Static<typeof WorkerVerdict>;

export const HEALTH_STATUSES = ['HEALTHY', 'DEGRADED', 'UNHEALTHY'] as const;
export const HealthStatus = Words(HEALTH_STATUSES, 'HEALTHY, DEGRADED or UNHEALTHY.');
export type HealthStatus = Static<typeof HealthStatus>;

const usage = {
  cpu_usage: Nullable(Percent('CPU in use.')),
  memory_usage: Nullable(Percent('Memory in use.')),
  gpu_usage: Nullable(Percent('GPU in use; null without one.')),
  disk_usage: Nullable(Percent('Work disk in use.')),
};

export const WorkerHealth = Type.Object({
  status: Words(
    HEALTH_STATUSES,
    'The worst of: the status that the worker reports; DEGRADED if it was silent for 30 s, memory or disk use is 95 % or more, or it is suspended, since three attempts in a row failed by its fault; UNHEALTHY if it was silent for 90 s: its jobs returned to the queue. HEALTHY otherwise.',
  ),
  reason: Nullable(
    Type.String({ description: 'Why it is not HEALTHY; null if it is, or the worker does not say why.' }),
  ),
  ...usage,
});

export const Capabilities = Type.Object(
  {
    model: Type.Optional(Type.String({ maxLength: 200, description: '`large-v3`' })),
    device: Type.Optional(Type.String({ maxLength: 40, description: '`cuda`, `cpu`' })),
    gpu_optimized: Type.Optional(Type.Boolean()),
    batch_size: Type.Optional(Ordinal('Segments decoded at once.')),
    options: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$' }), {
        maxItems: 64,
        uniqueItems: true,
        description: 'The options of jobs that its engine knows: `language`, `prompt`. Absent: unknown.',
      }),
    ),
    models: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
        maxItems: 64,
        uniqueItems: true,
        description: 'The models that jobs may name, if there are more than `model`.',
      }),
    ),
    languages: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,2}$' }), {
        maxItems: 200,
        uniqueItems: true,
        description: 'The languages that it transcribes: `en`. Absent: unknown.',
      }),
    ),
    tags: Type.Optional(
      Type.Array(WorkerTag, { maxItems: 16, uniqueItems: true, description: 'What jobs may require of it: `eu`.' }),
    ),
  },
  { ...closed, description: 'What the worker can do.' },
);
export type Capabilities = Static<typeof Capabilities>;

/** As they are kept. Null: withdrawn by a later registration. */
export const KnownCapabilities = Type.Object(
  {
    model: Type.Optional(Nullable(Type.String())),
    device: Type.Optional(Nullable(Type.String())),
    gpu_optimized: Type.Optional(Nullable(Type.Boolean())),
    batch_size: Type.Optional(Nullable(Type.Integer())),
    options: Type.Optional(Nullable(Type.Array(Type.String()))),
    models: Type.Optional(Nullable(Type.Array(Type.String()))),
    languages: Type.Optional(Nullable(Type.Array(Type.String()))),
    tags: Type.Optional(Nullable(Type.Array(Type.String()))),
  },
  { description: 'What the worker can do. null: no longer.' },
);
export type KnownCapabilities = Static<typeof KnownCapabilities>;

export const Location = Type.Object(
  {
    region: Type.Optional(Nullable(Type.String({ maxLength: 100 }))),
    availability_zone: Type.Optional(Nullable(Type.String({ maxLength: 100 }))),
    instance_type: Type.Optional(Nullable(Type.String({ maxLength: 100, description: '`g4dn.xlarge`' }))),
    spot_price: Type.Optional(Nullable(Usd('Price of the instance per hour.'))),
  },
  { ...closed, description: 'Where it runs, and the price.' },
);
export type Location = Static<typeof Location>;

export const Worker = Type.Object(
  {
    worker_id: Id,
    instance_id: Nullable(Type.String()),
    state: WorkerStateName,
    reason: Nullable(
      Type.String({
        description: 'Why it is DRAINING or TERMINATED: `spot interruption at 2025-07-07T20:03:20Z`; null if unknown.',
      }),
    ),
    created_at: Time('When it was launched or first registered.'),
    last_heartbeat: Nullable(Time('Time of the last heartbeat; or claim, registration or report, to within 10 s.')),
    health: WorkerHealth,
    capabilities: Type.Object({
      model: Nullable(Type.String()),
      device: Nullable(Type.String()),
      gpu_optimized: Nullable(Type.Boolean()),
      batch_size: Nullable(Type.Integer()),
      options: Type.Optional(
        Type.Array(Type.String(), { description: 'The options of jobs that its engine knows; absent if unknown.' }),
      ),
      models: Type.Optional(
        Type.Array(Type.String(), { description: 'The models that jobs may name, besides `model`; absent: no other.' }),
      ),
      languages: Type.Optional(
        Type.Array(Type.String(), { description: 'The languages that it transcribes; absent if unknown.' }),
      ),
      tags: Type.Optional(
        Type.Array(Type.String(), { description: 'What jobs may require of it; absent if it has none.' }),
      ),
    }),
    current_job: Nullable(
      Type.Object({
        job_id: Id,
        started_at: Time('When it was assigned.'),
        estimated_completion: Nullable(Time('As in the job.')),
      }),
    ),
    performance: Type.Object({
      jobs_completed: Count('Attempts that completed a job.'),
      jobs_failed: Count('Attempts that failed; excluding those cancelled or released.'),
      total_runtime_seconds: TotalSeconds('Time spent on attempts that have ended.'),
      average_job_time: Nullable(TotalSeconds('Mean time of the attempts that completed.')),
      success_rate: Nullable(
        Type.Number({ minimum: 0, maximum: 1, description: 'completed ÷ (completed + failed); null when both are 0.' }),
      ),
    }),
    location: Type.Object({
      region: Nullable(Type.String()),
      availability_zone: Nullable(Type.String()),
      instance_type: Nullable(Type.String()),
      spot_price: Nullable(Usd('Price of the instance per hour.')),
    }),
    tenant: Type.Optional({
      ...TenantId,
      description: 'The only tenant whose jobs it gets; absent: it gets those of all.',
    }),
    verdict: Nullable(WorkerVerdict),
    actions: Type.Array(ActionTaken, { description: 'The last decisions of policies about it, oldest first.' }),
    as_of_seq: AsOfSeq,
  },
  { $id: 'Worker', description: 'A process beside a transcription engine.' },
);
export type Worker = Static<typeof Worker>;

/** The body of PUT /workers/{id}. */
export const WorkerRegistration = Type.Object(
  {
    instance_id: Type.Optional(Nullable(Type.String({ maxLength: 200 }))),
    capabilities: Capabilities,
    location: Type.Optional(Location),
  },
  { ...closed, $id: 'WorkerRegistration' },
);
export type WorkerRegistration = Static<typeof WorkerRegistration>;

/** The body of POST /workers. */
export const WorkerLaunch = Type.Object(
  {
    capabilities: Type.Optional(Capabilities),
    location: Type.Optional(Location),
  },
  {
    ...closed,
    $id: 'WorkerLaunch',
    description: "A new worker on the monitor's fleet; the fleet's settings define what it runs.",
  },
);
export type WorkerLaunch = Static<typeof WorkerLaunch>;

/** The body of POST /workers/{id}/drain. */
export const WorkerDrain = Type.Object(
  {
    reason: Type.Optional(
      Type.String({ minLength: 1, maxLength: 500, description: 'Shown as the `reason` of the worker.' }),
    ),
    replace: Type.Optional(
      Type.Boolean({
        description:
          'The worker loses its machine, and is still wanted: an Auto Scaling group keeps its desired capacity when the worker terminates, and starts another instance. Other fleets start none. Default false.',
      }),
    ),
  },
  { ...closed, $id: 'WorkerDrain' },
);
export type WorkerDrain = Static<typeof WorkerDrain>;

const Difference = { worker_id: Id, instance_id: Type.String(), reason: Type.String() };

/** The response of POST /workers/reconcile. */
export const Reconciliation = Type.Object(
  {
    dry_run: Type.Boolean(),
    orphaned: Type.Array(
      Type.Object({
        ...Difference,
        terminated: Type.Boolean({ description: 'Its policy has terminated it; false in a dry run.' }),
      }),
      { description: 'Live workers that claim an instance which does not exist. A policy says what follows.' },
    ),
    missing: Type.Array(Type.Object(Difference), {
      description: 'Instances of the fleet without a known worker: known as STARTING, or would be in a dry run.',
    }),
    unconfirmed: Type.Array(
      Type.Object({
        kind: Words(['orphaned', 'missing'], 'What it will be.'),
        ...Difference,
        due_at: Time('A complete listing from then on confirms it.'),
      }),
      { description: 'Differences that another listing, after the grace time, has to confirm.' },
    ),
  },
  { $id: 'Reconciliation', description: "The monitor's workers compared with the fleet's instances." },
);
export type Reconciliation = Static<typeof Reconciliation>;

export const HealthReport = Type.Object(
  {
    status: Type.Optional(
      Words(HEALTH_STATUSES, "The worker's own opinion. Shown unless the monitor's is worse. Default HEALTHY."),
    ),
    cpu_usage: Type.Optional(usage.cpu_usage),
    memory_usage: Type.Optional(usage.memory_usage),
    gpu_usage: Type.Optional(usage.gpu_usage),
    disk_usage: Type.Optional(usage.disk_usage),
    reason: Type.Optional(
      Nullable(
        Type.String({
          maxLength: 500,
          description:
            'Why the status is not HEALTHY: the worker takes no jobs for now. Absent or null: it takes jobs as usual.',
        }),
      ),
    ),
  },
  closed,
);
export type HealthReport = Static<typeof HealthReport>;

/** The body of POST /workers/{id}/heartbeat. */
export const Heartbeat = Type.Object(
  {
    health: Type.Optional(HealthReport),
    leases: Type.Optional(
      Type.Array(Type.String({ maxLength: 200 }), {
        maxItems: 1000,
        description: 'Tokens of the leases it still works under; each is renewed.',
      }),
    ),
  },
  { ...closed, $id: 'Heartbeat' },
);
export type Heartbeat = Static<typeof Heartbeat>;

export const WorkerCommand = Type.Union([
  Type.Object({ type: Type.Literal('cancel_job'), job_id: Id }),
  Type.Object({ type: Type.Literal('kill_engine'), job_id: Id }),
  Type.Object({ type: Type.Literal('drain') }),
  Type.Object({ type: Type.Literal('restart') }),
]);
export type WorkerCommand = Static<typeof WorkerCommand>;

export const HeartbeatAnswer = Type.Object(
  {
    commands: Type.Array(WorkerCommand, { description: 'What the worker must do. Repeated until done.' }),
    leases: Type.Array(Lease, {
      description:
        'The leases that were renewed. A lease that is missing is lost: stop that job. A heartbeat that cannot be recorded is answered 503; it loses no lease.',
    }),
  },
  { $id: 'HeartbeatAnswer' },
);
export type HeartbeatAnswer = Static<typeof HeartbeatAnswer>;

/** The body of POST /workers/{id}/claim. */
export const Claim = Type.Object(
  {
    max_jobs: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Default 1.' })),
    wait_seconds: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 20,
        description: 'Wait up to this long for a job. Default 0.',
      }),
    ),
  },
  { ...closed, $id: 'Claim' },
);
export type Claim = Static<typeof Claim>;

export const WorkerUsage = Type.Object(
  {
    worker_id: Id,
    items: Type.Array(Type.Object({ at: Time('When the heartbeat arrived.'), ...usage }), {
      description: 'Oldest first, at most one in 30 s.',
    }),
    as_of_seq: AsOfSeq,
  },
  {
    $id: 'WorkerUsage',
    description:
      'What a worker has used in the last hour, by the heartbeats that this instance has seen since it started.',
  },
);
export type WorkerUsage = Static<typeof WorkerUsage>;

export const WorkerJob = Type.Object(
  {
    job_id: Id,
    worker_id: Id,
    attempt: Type.Integer({ minimum: 1 }),
    state: Type.String({ description: "The job's state now." }),
    assigned_at: Time('When the last attempt on this worker began.'),
    as_of_seq: AsOfSeq,
  },
  { $id: 'WorkerJob', description: "A job in a worker's history." },
);
