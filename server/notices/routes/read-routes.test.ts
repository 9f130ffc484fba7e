/** Files of routes: what they mean, and each mistake with its line, column and reason. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { notifierOptions } from '../../../notifiers/open-notifier.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import { temporaryDirectory } from '../../../test/processes/tmon.ts';
import { TurnedClock } from '../../testing-clock.ts';
import { openRouting, type RoutingOptions } from './open-routing.ts';
import { readRoutes } from './read-routes.ts';
import { ROUTE_DEFAULTS } from './routes.ts';

const parts = (notifier_options: RoutingOptions['notifier_options'], log: RoutingOptions['log'] = () => {}) => ({
  clock: new TurnedClock('2026-01-05T08:00:00Z'),
  log,
  notifier_options,
});

const FILE = `
destinations:
  ops:
    url: https://example.com/\${HOOK}
    secret: \${SECRET}
  oncall:
    url: pagerduty:\${KEY}?region=eu
routes:
  - match: [severity=CRITICAL, worker=gpu-*]
    notify: [oncall]
    group_by: [alertname, region]
    group_wait: 0
    group_interval: 1m
    repeat_interval: 12h
    send_resolved: false
    continue: true
  - notify: [ops]
`;
const ENVIRONMENT = {
  HOOK: 'abcd1234',
  SECRET: `whsec_${Buffer.alloc(24, 1).toString('base64')}`,
  KEY: 'a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4',
};

test('a file names destinations, with secrets from the environment, and routes with defaults', () => {
  const { file } = readRoutes(FILE, ENVIRONMENT);
  assert.deepEqual(
    file!.destinations.map(({ name, url }) => [name, url]),
    [
      ['ops', 'https://example.com/abcd1234'],
      ['oncall', `pagerduty:${ENVIRONMENT.KEY}?region=eu`],
    ],
  );
  const [first, second] = file!.routes;
  assert.deepEqual(second, { ...ROUTE_DEFAULTS, notify: ['ops'] });
  assert.deepEqual(
    [
      first!.match.length,
      first!.group_wait_ms,
      first!.group_interval_ms,
      first!.repeat_interval_ms,
      first!.send_resolved,
      first!.continue,
    ],
    [2, 0, 60_000, 12 * 3_600_000, false, true],
  );
});

test('each mistake is named with its line, its column and the reason', () => {
  const problemsOf = (text: string) =>
    (readRoutes(text, {}).problems ?? []).map(({ line, column, message }) => `${line}:${column} ${message}`);
  assert.deepEqual(problemsOf('destinations: {ops: {url: slack:x}}\nroutes:\n  - notfy: [ops]\n'), [
    '3:5 "notify" is missing',
    '3:5 unknown field "notfy"; did you mean "notify"?',
  ]);
  assert.match(
    problemsOf('destinations: {ops: {url: slack:x}}\nroutes:\n  - notify: [opps]\n').join(),
    /^3:14 there is no destination "opps"; did you mean "ops"\?$/,
  );
  const wrong =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the environment
    'destinations: {ops: {url: "slack:${MISSING}"}}\nroutes:\n  - notify: [ops]\n    match: [nonsense]\n    group_wait: soon\n';
  const problems = problemsOf(wrong);
  assert.equal(problems.length, 3);
  assert.match(problems[0]!, /^1:\d+ the environment has no variable MISSING$/);
  assert.match(problems[1]!, /^4:13 "nonsense" is not a matcher/);
  assert.match(problems[2]!, /^5:17 "soon" is not a duration/);
  assert.match(problemsOf('destinations: {Ops: {url: slack:x}}\n').join(), /^1:16 "Ops" is not a name/);
  assert.ok(problemsOf('routes: [').length > 0);
});

test('--notify sends everything to each URL, beside what the file says', async (t) => {
  const path = join(temporaryDirectory(t), 'routes.yaml');
  writeFileSync(path, FILE);
  const options = notifierOptions({}, ENVIRONMENT);
  const environment = { ...ENVIRONMENT, TMON_SMTP_URL: 'smtp://localhost' };
  const notify = 'slack:https://hooks.example.com/abcd\nmailto:ops@example.com';
  const opened = await openRouting({ notify, notify_routes: path }, parts({ ...options, environment }));
  const { routing, notifiers } = opened.value;
  assert.deepEqual(
    [...notifiers.keys()],
    ['slack:https://hooks.example.com/…abcd', 'mailto:ops@example.com', 'ops', 'oncall'],
  );
  assert.deepEqual(
    [routing.routes.length, routing.routes[0]!.continue, routing.routes[0]!.notify.length],
    [3, true, 2],
  );
});

test('a destination that cannot be opened, and a file that cannot be read, are refused with the reason', async (t) => {
  const path = join(temporaryDirectory(t), 'routes.yaml');
  const refused = async (settings: { notify?: string; notify_routes?: string }, why: RegExp) =>
    assert.rejects(
      openRouting({ notify: '', notify_routes: '', ...settings }, parts(notifierOptions({}, {}))),
      (error: unknown) => error instanceof MonitorError && error.kind === 'invalid' && why.test(error.message),
    );
  writeFileSync(path, 'destinations: {ops: {url: pigeon:x}, hook: {url: https://example.com, secret: short}}');
  await refused({ notify_routes: path }, /ops: unsupported notifier "pigeon".*hook: its secret is not valid/);
  await refused({ notify_routes: `${path}.missing` }, /it cannot be read/);
  await refused({ notify: 'pagerduty:x' }, /notify: a PagerDuty notifier must be/);
});

test('a file that changes is read again; with a mistake what it said before stays', async (t) => {
  const path = join(temporaryDirectory(t), 'routes.yaml');
  const write = (wait: string) =>
    writeFileSync(
      path,
      `destinations: {ops: {url: 'https://example.com/x'}}\nroutes: [{notify: [ops], group_wait: ${wait}}]\n`,
    );
  write('1s');
  const logged: string[] = [];
  const routes = await openRouting(
    { notify: '', notify_routes: path },
    parts(notifierOptions({}, {}), (level, message) => void logged.push(`${level}: ${message}`)),
  );
  write('20s');
  await routes.reload();
  assert.deepEqual([routes.value.routing.routes[0]!.group_wait_ms, routes.problem], [20_000, null]);
  write('soon-ish');
  await routes.reload();
  assert.equal(routes.value.routing.routes[0]!.group_wait_ms, 20_000);
  assert.match(routes.problem ?? '', /routes\.yaml:2:38: "soon-ish" is not a duration/);
  assert.match(logged.at(-1) ?? '', /^warn: the earlier routes of notifications stay: /);
});
