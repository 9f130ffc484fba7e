import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JOB_ACTIONS, WORKER_ACTIONS } from '../../protocol/policies.ts';
import { formatProblem } from '../yaml-file.ts';
import { defaultPolicies, readPolicies } from './defaults.ts';
import { policyFor } from './policies.ts';

function problemsOf(text: string): string[] {
  return (readPolicies(text).problems ?? []).map((problem) => formatProblem('f', problem));
}

const OWN = `policies:
  - name: urgent
    verdict: hung
    action: requeue
`;

test('there is a default policy for every verdict, and none acts but the one that touches nothing', () => {
  const { policies } = defaultPolicies();
  assert.deepEqual(
    policies.map(({ verdict }) => verdict).sort(),
    [...Object.keys(JOB_ACTIONS), ...Object.keys(WORKER_ACTIONS)].sort(),
  );
  assert.deepEqual(
    policies.filter(({ mode }) => mode !== 'dry_run').map(({ name, action, mode }) => [name, action, mode]),
    [['orphaned_worker', 'end_worker', 'on']],
  );
});

test('a file without policies has the default ones, and defaults: false has none', () => {
  assert.deepEqual(readPolicies('').policies, defaultPolicies());
  assert.deepEqual(readPolicies('defaults: false').policies, { ...defaultPolicies(), policies: [] });
});

test('a policy with the name of a default changes only the fields that it names', () => {
  const before = defaultPolicies().policies.find(({ name }) => name === 'slow_job')!;
  const { policies } = readPolicies('policies: [{name: slow_job, mode: on, after: 2m}]').policies!;
  assert.deepEqual(
    policies.filter(({ name }) => name === 'slow_job'),
    [{ ...before, mode: 'on', after_ms: 120_000 }],
  );
  const { breaker } = readPolicies('circuit_breaker: {within: 1m}').policies!;
  assert.deepEqual(breaker, { ...defaultPolicies().breaker, within_ms: 60_000 });
});

test('the first policy for the verdict whose matchers select it decides: yours before the defaults', () => {
  const chosen = (text: string, labels: Record<string, string>, tags: string[] = []) =>
    policyFor(readPolicies(text).policies!, 'hung', labels, tags)?.name;
  assert.equal(chosen(OWN, {}), 'urgent');
  const narrow = `${OWN}    where: [priority=high, tag=court-*]\n`;
  assert.equal(chosen(narrow, { priority: 'high' }, ['x', 'court-7']), 'urgent');
  assert.equal(chosen(narrow, { priority: 'high' }, ['x']), 'hung_job');
  assert.equal(chosen(narrow, { priority: 'low' }, ['court-7']), 'hung_job');
  assert.equal(chosen(`${OWN}    mode: off\n`, {}), 'hung_job', 'off is as if it were not there');
  const others = `${OWN}    where: [tag!=court-*]\n`;
  assert.equal(chosen(others, {}, ['x', 'court-7']), 'hung_job', 'none of its tags may match');
  assert.equal(chosen(others, {}), 'urgent');
});

test('a mistake is reported with its line, its column and its reason', () => {
  const cases: [string, RegExp][] = [
    [`${OWN}    afer: 1m`, /^f:5:5: unknown field "afer"; did you mean "after"\?$/],
    [`${OWN}    after: soon`, /^f:5:12: "soon" is not a duration like 90s/],
    [`${OWN}    mode: dry-run`, /^f:5:11: must be one of off, dry_run, on, not "dry-run"$/],
    [`${OWN}    per_hour: -1`, /^f:5:15: must be >= 0$/],
    [`${OWN}    where: [tagg=x]`, /^f:5:13: there is no label tagg; did you mean "tag"\?$/],
    [`${OWN}    where: [tag]`, /^f:5:13: "tag" is not a matcher/],
    [
      'policies:\n  - {name: a, verdict: silent, action: none, where: [priority=high]}',
      /^f:2:54: there is no label priority; there are worker, /,
    ],
    [
      'policies:\n  - {name: a, verdict: blocked, action: requeue}',
      /^f:2:41: requeue is no action for the verdict blocked; there are none, launch_worker$/,
    ],
    ['policies:\n  - {name: a, verdict: stuck, action: none}', /^f:2:24: must be one of slow, hung, dead, /],
    ['policies:\n  - {name: a, action: none}', /^f:2:12: "a" is no default policy, so "verdict" is required$/],
    ['policies:\n  - {name: hung_job}\n  - {name: hung_job}', /^f:3:12: there is another policy "hung_job"$/],
    ['circuit_breaker: {within: 1 day}', /^f:1:27: "1 day" is not a duration/],
    ['circuit_breaker: {share: 2}', /^f:1:26: must be <= 1$/],
    ['policy: []', /^f:1:1: unknown field "policy"; there are defaults, policies, circuit_breaker$/],
  ];
  for (const [text, problem] of cases) assert.match(problemsOf(text)[0] ?? 'no problem', problem, text);
});
