/** The fold is total: applying any log never throws, and every instance gets the same state. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOUR_MS } from '../../../protocol/time.ts';
import { jobDocument } from '../../documents/job.ts';
import { deadLetterQueueDocument } from '../../documents/queues.ts';
import { healthDocument, metricsDocument } from '../../documents/system.ts';
import { workerDocument } from '../../documents/worker.ts';
import type { Event, EventType, JobEvent, JournalEvent, WorkerEvent } from '../events.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { State } from '../state/state.ts';
import { Monitor } from '../testing.ts';
import { applyEvents, beginSegment } from './apply.ts';
import { applyJobEvent } from './job.ts';
import { applyWorkerEvent } from './worker.ts';

const TYPES: Record<EventType, object> = {
  JobSubmitted: {
    audio_url: 's3://a/b',
    output_format: 'json',
    priority: 'low',
    max_attempts: 3,
    webhook_url: 'https://example.com/hook',
    tags: [],
    details: '',
  },
  JobQueued: { attempt: 1, not_before_ms: null, batch_size: null, keeps_place: false, details: '' },
  JobDelayOver: {},
  JobMessaged: { attempt: 1, place: 2, message_id: 'm', details: '' },
  JobAssigned: { worker_id: 'worker-1', instance_id: null, attempt: 1, token: 't', expires_ms: 5 },
  JobProgressed: { attempt: 1, percentage: 50, stage: 'X' },
  JobCompleted: { attempt: 1, s3_path: 's3://a/b', segments_count: 1, cost_usd: 0.1, details: '' },
  JobAttemptFailed: { attempt: 1, error: { code: 'x', message: 'x', retryable: true }, cost_usd: null },
  JobFailed: { dead_until_ms: 9, details: '' },
  JobCancelRequested: { kill_ms: 7, details: '' },
  JobCancelled: { details: '', cost_usd: null },
  JobJudged: { state: 'PROCESSING', attempt: 1, status: 'hung', since_ms: 2, reason: 'x', evidence: { a: 1 } },
  JobDropped: { details: '' },
  JobObserved: {
    source: 'log:/x',
    sighting: { state: 'PROCESSING', told_ms: 7, worker_id: 'worker-1', started_ms: 3, ended_ms: null, percentage: 5 },
    returning: { job: { job_id: 'job-1', ordinal: 1, tags: [], history: [] }, pack: 'p1' },
    worker_check_ms: 9,
  },
  WorkerLaunched: { capabilities: {}, location: {}, check_ms: 3 },
  WorkerRegistered: { instance_id: null, capabilities: {}, location: { spot_price: 1 }, check_ms: 3 },
  WorkerBeat: { health: { gpu_usage: 5 }, status: 'HEALTHY', check_ms: 4, renewed: ['job-1', 'job-9'], expires_ms: 8 },
  WorkerStatusChanged: { status: 'DEGRADED', check_ms: null, reason: '' },
  WorkerDraining: {},
  WorkerRestarting: { check_ms: 6 },
  WorkerTerminated: { reason: '' },
  WorkerJudged: { status: 'orphaned', since_ms: 2, reason: 'x', evidence: {} },
  ActionDecided: {
    of: 'job',
    policy: 'p',
    verdict: 'hung',
    action: 'kill_engine',
    mode: 'on',
    outcome: 'acted',
    reason: 'x',
    evidence: {},
    worker_id: 'worker-1',
    state: 'PROCESSING',
    by: 'i',
    machine: true,
    kill_ms: 9,
  },
  ActionSettled: { done: true, details: null },
  PoliciesPaused: { until_ms: 9, reason: 'x' },
  PoliciesResumed: { by: 'x' },
  AlertRaised: { rule: 'r', subject: null, severity: 'INFO', message: '' },
  AlertPending: {
    rule: 'r',
    subject: null,
    severity: 'INFO',
    message: '',
    labels: { alertname: 'r' },
    evaluated_ms: 3,
  },
  AlertAcknowledged: { by: 'x' },
  SilenceCreated: { matchers: [], starts_ms: 1, ends_ms: null, alert_ids: ['alert-1'], by: 'x', comment: '' },
  SilenceEnded: { by: 'x' },
  KeyCreated: {
    role: 'read',
    name: 'x',
    tags: ['a'],
    worker_id: null,
    tenant: null,
    secret_hash: 'h',
    expires_ms: 8,
    by: 'x',
  },
  KeyRotated: { secret_hash: 'i', previous_until_ms: 9, by: 'x' },
  KeyRevoked: { by: 'x' },
  PassIssued: { kind: 'ticket', key_id: 'k', key_hash: 'h', secret_hash: 's', job_id: null, expires_ms: 9 },
  PassUsed: {},
  PassEnded: {},
  TenantSet: {
    weight: 2,
    limits: { max_running: 1, jobs_per_day: 2, audio_hours_per_day: 3, upload_bytes_per_day: 4 },
    by: 'x',
  },
  TenantPaused: { by: 'x' },
  TenantResumed: { by: 'x' },
  TenantReset: { by: 'x' },
  UploadCounted: { upload_bytes: 5 },
  AlertResolved: { by: 'x' },
  AlertCleared: {},
  NoticesClaimed: { notice_ids: ['notice-1', 'notice-2'], by: 'x', until_ms: 9 },
  NoticesReleased: { notice_ids: ['notice-1', 'notice-2'] },
  NoticeDelivered: {},
  NoticeFailed: { error: 'x', next_ms: 9, unreachable: true, blocked_until_ms: 9 },
  NoticeReplayed: {},
  NoticeRequested: { destination: 'ops', content: { kind: 'test', url: null } },
  AlertsNotified: {
    group: 'g',
    destination: 'ops',
    labels: {},
    notified: [['f', 'alert-1']],
    content: {
      kind: 'alerts',
      url: null,
      incident: 'i',
      labels: {},
      at_ms: 5,
      open: true,
      firing: 1,
      resolved: 0,
      lines: [],
    },
  },
  AlertGroupEnded: {},
  NoticesForgotten: { through: '00000000010|' },
  JobsArchived: {
    job_ids: ['job-1', 'job-2'],
    pack: { key: 'p1', sha256: 'x', first_ms: 1, last_ms: 2, first_ordinal: 1, last_ordinal: 2 },
  },
  ArchivePacked: { job_ids: ['job-3'], pack: { key: 'p2', sha256: 'x' }, replaces: ['p1'] },
  ArchiveIndexed: { packs: ['p1'], shards: [{ first: '', key: 's1', sha256: 'x', count: 1 }] },
  ColumnsWritten: {
    packs: ['p1'],
    files: [{ name: 'f1', day: 1, rows: 1, sha256: { job_states: 'x', job_attempts: 'y' } }],
    replaces: ['f0'],
    strays: ['job-1'],
  },
  JobErased: {
    by: 'api',
    reason: 'request',
    observed: true,
    archived: { pack: 'p1', day: 3 },
    ends: [['COMPLETED', 5]],
    workers: ['worker-1'],
    upload_id: null,
  },
  ErasuresAdvanced: { job_ids: ['job-1'], stage: 'ended' },
  PacksDropped: { packs: ['p1'] },
  ArchiveRepacked: {},
  WorkersArchived: { worker_ids: ['worker-1'] },
  AlertsArchived: { alert_ids: ['alert-1'] },
  CommandsForgotten: { through_ordinal: 5 },
  LossAccepted: { after_seq: 0, through_seq: 1, missing: [] },
};
const names = Object.keys(TYPES) as EventType[];
const entities = ['job-1', 'job-2', 'job-3', 'worker-1', 'worker-2', 'alert-1', 'notice-1', ''];

/** Seeded random integers. */
function numbers(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

function fold(segments: readonly (readonly JournalEvent[])[]): string {
  const state = new State();
  for (const [i, events] of segments.entries()) {
    beginSegment(state, i + 1, 1_000 * i);
    applyEvents(state, events);
  }
  return [...snapshotRows(state)].join('\n');
}

test('any events in any order, about known and unknown entities, always fold to the same state', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const next = numbers(seed);
    const segments = Array.from({ length: 40 }, (_, segment) =>
      Array.from({ length: 1 + next(4) }, (_, i) => {
        const type = names[next(names.length)]!;
        const id = next(3) === 0 ? `~s/${segment}` : `c${next(30)}/f/${i}`;
        const entity = entities[next(entities.length)]!;
        return { id, type, at: '', actor: 'x', entity, data: TYPES[type] } as JournalEvent;
      }),
    );
    assert.equal(fold(segments), fold(segments));
  }
});

test('no event of the right shape is skipped, in any state', () => {
  const next = numbers(7);
  const state = new State();
  for (let i = 0; i < 5_000; i++) {
    const type = names[next(names.length)]!;
    const event = { type, entity: entities[next(entities.length)]!, data: TYPES[type] } as Event;
    // These two throw what applyEvents would pass over.
    if (type.startsWith('Worker') && type !== 'WorkersArchived') applyWorkerEvent(state, event as WorkerEvent);
    else if (type.startsWith('Job') && type !== 'JobsArchived') applyJobEvent(state, event as JobEvent);
    else applyEvents(state, [{ id: '~x//0', at: '', actor: '', ...event }]);
  }
});

test('an event of an unknown type, without data or with malformed data changes nothing and stops nothing', () => {
  const monitor = new Monitor();
  monitor.claimed();
  const odd: unknown[] = [undefined, null, 5, 'x', [], {}, { job_ids: 5, renewed: null, error: null, tags: 3 }];
  for (const data of odd) {
    for (const type of [...names, 'SomethingNewer']) {
      for (const entity of [...entities, undefined, null, 7]) {
        const event = { id: '~x//0', type, at: '', actor: '', entity, data } as unknown as JournalEvent;
        const state = monitor.state.clone();
        beginSegment(state, 99, monitor.at_ms + 1);
        applyEvents(state, [event, { ...event, id: undefined as unknown as string }]);
      }
    }
  }
});

test('any number in an old journal makes the same documents in a live and in a restored state', () => {
  const EXTREMES = [0, 5e-324, 0.5, 1e15, 1e300, Number.MAX_VALUE];
  const next = numbers(11);
  const extreme = () => EXTREMES[next(EXTREMES.length)]!;
  /** What schemas of before took without a maximum. */
  const unbounded = (type: EventType): object => {
    switch (type) {
      case 'JobSubmitted':
        return { ...TYPES[type], duration_seconds: extreme(), file_size_bytes: extreme() };
      case 'JobProgressed':
        return { ...TYPES[type], percentage: next(100), eta_seconds: extreme(), duration_seconds: extreme() };
      case 'JobCompleted':
      case 'JobAttemptFailed':
      case 'JobCancelled':
        return { ...TYPES[type], cost_usd: extreme() };
      case 'WorkerRegistered':
        return { ...TYPES[type], location: { spot_price: extreme() } };
      case 'JobObserved': {
        const state = ['PROCESSING', 'COMPLETED', 'FAILED'][next(3)];
        const moment = () => next(9) * HOUR_MS + next(2);
        const started_ms = next(3) === 0 ? null : moment();
        const times = { told_ms: moment(), started_ms, ended_ms: moment() };
        const sighting = { state, ...times, worker_id: 'worker-1', audio_duration: extreme(), duration: extreme() };
        return { source: 's', sighting, worker_check_ms: null };
      }
      default:
        return TYPES[type];
    }
  };
  const TOLD = [
    ...names.filter((name) => /^(Job|Worker[RT])/.test(name) && !/Archived/.test(name)),
    'JobObserved',
  ] as const;
  for (let round = 0; round < 600; round++) {
    const live = new State();
    let restored = new State();
    for (let seq = 1; seq <= 30; seq++) {
      const type = TOLD[next(TOLD.length)]!;
      const entity = type.startsWith('Worker') ? 'worker-1' : `job-${1 + next(2)}`;
      const event = { id: '~x//0', at: '', actor: '', type, entity, data: unbounded(type) } as JournalEvent;
      for (const state of [live, restored]) {
        beginSegment(state, seq, seq * 1_000_000);
        applyEvents(state, [event]);
      }
      if (next(8) === 0) restored = restore(snapshotRows(restored));
    }
    assert.deepEqual([...snapshotRows(restored)], [...snapshotRows(live)]);
    assert.deepEqual(restored.fleet, live.fleet);
    const documents = [live, restored].flatMap((state) => [
      ...[...state.tables.jobs.values()].map((job) => jobDocument(job)),
      ...[...state.tables.workers.values()].map((worker) => workerDocument(state, worker)),
      healthDocument(state),
      metricsDocument(state),
      deadLetterQueueDocument(state),
    ]);
    for (const document of documents) {
      const texts = JSON.stringify(document, (_, value) =>
        typeof value === 'number' && !(value >= 0 && value < Number.POSITIVE_INFINITY) ? `not ${value}` : value,
      );
      assert.doesNotMatch(texts, /"not /);
    }
  }
});

test('an event id takes effect once, even if it is repeated anywhere', () => {
  const monitor = new Monitor();
  monitor.submit('job-1');
  const before = monitor.state.clone();
  const again = (['JobSubmitted', 'JobQueued'] as const).map((type, index) => {
    return { id: `c1//${index}`, type, at: '', actor: '', entity: 'job-1', data: TYPES[type] } as JournalEvent;
  });
  applyEvents(monitor.state, again);
  assert.deepEqual([...snapshotRows(monitor.state)], [...snapshotRows(before)]);
});

test('log time never goes back', () => {
  const state = new State();
  beginSegment(state, 1, 5_000);
  beginSegment(state, 2, 4_000);
  assert.deepEqual([state.seq, state.at_ms], [2, 5_000]);
});
