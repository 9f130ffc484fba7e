/** What needs somebody. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Alert } from '../../../../protocol/alert.ts';
import { AT, jobOf, workerOf } from '../../testing.ts';
import { needsOf } from './needs.ts';

const alertOf = (change: Partial<Alert> = {}): Alert => ({
  id: 'alert-1',
  rule: 'queue_old',
  subject: 'main',
  severity: 'WARNING',
  status: 'firing',
  labels: {},
  fingerprint: 'f',
  message: 'The oldest job has waited 14 minutes',
  description: null,
  runbook_url: null,
  created_at: AT,
  fired_at: AT,
  acknowledged: null,
  resolved_at: null,
  resolved_by: null,
  as_of_seq: 1,
  ...change,
});
const verdictOf = (status: 'hung' | 'slow' | 'starved' | 'dead', since = AT) => ({
  status,
  reason: `${status}.`,
  since,
  evidence: {},
});
const hung = jobOf({ verdict: verdictOf('hung') });

test('the worst comes first, then the oldest', () => {
  const slow = jobOf({ job_id: 'job-slow', verdict: verdictOf('slow', '2026-11-27T09:00:00Z') });
  const dead = jobOf({ job_id: 'job-dead', verdict: verdictOf('dead', '2026-11-27T10:00:00Z') });
  const needs = needsOf({ alerts: [alertOf({ severity: 'INFO' })], jobs: [slow, hung, dead], workers: [] });
  assert.deepEqual(
    needs.map(({ key }) => key),
    ['job-dead', 'job-1', 'job-slow', 'alert-1'],
  );
});

test('an alert about a job or worker that is listed anyway is not listed twice', () => {
  const lost = workerOf({
    worker_id: 'gpu-9',
    health: { ...workerOf().health, status: 'UNHEALTHY', reason: 'silent' },
  });
  const alerts = [alertOf({ id: 'a', subject: 'job-1' }), alertOf({ id: 'b', subject: 'gpu-9' })];
  const needs = needsOf({ alerts, jobs: [hung], workers: [lost, workerOf()] });
  assert.deepEqual(Object.fromEntries(needs.map((need) => [need.key, need.alerts])), {
    'gpu-9': ['b'],
    'job-1': ['a'],
  });
});

test('an alert that somebody has taken up needs nobody else', () => {
  assert.deepEqual(
    needsOf({ alerts: [alertOf({ acknowledged: { by: 'me', at: AT } })], jobs: [jobOf()], workers: [] }),
    [],
  );
});

test('three of a kind become one line, with what helps each of them, once', () => {
  const waiting = [1, 2, 3].map((n) =>
    jobOf({ job_id: `job-${n}`, state: 'QUEUED', worker: null, verdict: verdictOf('starved') }),
  );
  const [starved, ...rest] = needsOf({ alerts: [], jobs: waiting, workers: [] });
  assert.deepEqual([starved!.title, starved!.href, rest.length], ['3 jobs are starved', '/jobs?verdict=starved', 0]);
  assert.deepEqual(
    starved!.remedies.map(({ path }) => path),
    ['/api/v1/workers'],
  );
  const hanging = [1, 2, 3].map((n) =>
    jobOf({ job_id: `job-${n}`, verdict: verdictOf('hung'), worker: { ...hung.worker!, worker_id: `gpu-${n}` } }),
  );
  assert.equal(needsOf({ alerts: [], jobs: hanging, workers: [] })[0]!.remedies.length, 3);
});

test('a hung job is helped by a restart of its worker, a dead one by the end of it', () => {
  const remedies = [hung, jobOf({ verdict: verdictOf('dead') })].map(
    (job) => needsOf({ alerts: [], jobs: [job], workers: [] })[0]!.remedies[0],
  );
  assert.deepEqual(
    remedies.map((remedy) => [remedy?.method, remedy?.path]),
    [
      ['POST', '/api/v1/workers/gpu-1/restart'],
      ['DELETE', '/api/v1/workers/gpu-1'],
    ],
  );
});
