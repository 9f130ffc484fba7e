/**
 * The direction of dependencies, held by a table: who may import whom. A new folder has to be entered here to import
 * anything.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Time, randomness, sorted maps, bounded concurrency and delays between attempts: every part of the server may use them. */
const GROUND = ['server/clock.ts', 'server/sorted-map.ts', 'server/ids.ts', 'server/at-once.ts', 'server/backoff.ts'];

const MAY_IMPORT: Record<string, string[]> = {
  protocol: [],
  installation: [],
  tracing: [],
  'server/objects': ['installation', ...GROUND],
  'server/state-machine/events.ts': [
    'protocol',
    'server/state-machine/state/records.ts',
    'server/state-machine/state/promises.ts',
    'server/state-machine/state/erasures.ts',
    'server/state-machine/state/notices.ts',
    'server/state-machine/state/passes.ts',
    'server/state-machine/state/limits.ts',
  ],
  'server/state-machine/state': ['protocol', 'server/sorted-map.ts'],
  'server/state-machine/apply': ['protocol', 'server/state-machine/state', 'server/state-machine/events.ts'],
  'server/state-machine/decide': [
    'protocol',
    'server/state-machine/state',
    'server/state-machine/apply',
    'server/state-machine/events.ts',
    'server/alerts',
    'server/verdicts',
    'server/policies',
    'server/notices/routes/routes.ts',
    'server/backoff.ts',
  ],
  'server/verdicts': ['protocol', 'server/state-machine/state'],
  'server/policies': ['protocol', 'server/yaml-file.ts'],
  'server/alerts': ['protocol', 'server/state-machine/state', 'server/yaml-file.ts'],
  'server/nearest.ts': [],
  'server/yaml-file.ts': ['server/nearest.ts'],
  'server/documents': [
    'protocol',
    'server/state-machine',
    'server/verdicts',
    'server/alerts',
    'server/policies/policies.ts',
    'notifiers/http/shown-url.ts',
    'notifiers/notifier.ts',
  ],
  'server/journal': ['server/objects', 'server/clock.ts', 'server/backoff.ts', 'server/sealed-json.ts'],
  'server/access': [
    'protocol',
    'server/engine.ts',
    'server/state-machine',
    'server/config.ts',
    'server/clock.ts',
    'server/ids.ts',
  ],
  'server/engine.ts': [
    'protocol',
    'server/state-machine',
    'server/journal',
    'server/clock.ts',
    'server/commit-pace.ts',
  ],
  'server/commit-pace.ts': ['server/clock.ts'],
  'server/views': [
    'protocol',
    'server/state-machine',
    'server/documents',
    'server/objects',
    'server/journal',
    'server/engine.ts',
    'server/config.ts',
    'server/sealed-json.ts',
    ...GROUND,
  ],
  'server/cache': [
    'protocol',
    'server/engine.ts',
    'server/state-machine/events.ts',
    'server/state-machine/state',
    'server/documents/job.ts',
    'server/clock.ts',
    'server/backoff.ts',
  ],
  'server/feed': [
    'protocol',
    'server/access/scope.ts',
    'server/engine.ts',
    'server/state-machine',
    'server/documents',
    'server/clock.ts',
  ],
  'server/analytics/tables.ts': [],
  'server/analytics/filter': ['protocol', 'server/analytics/tables.ts', 'server/nearest.ts'],
  'server/fleets': [
    'installation',
    'protocol',
    'server/engine.ts',
    'server/state-machine',
    'server/maintenance/duty.ts',
    ...GROUND,
  ],
  'server/rights': ['protocol', 'server/objects', 'server/fleets/aws-fleet-url.ts', 'server/fleets/ec2-instances.ts'],
  'server/queues': ['protocol', 'server/engine.ts', 'server/state-machine', ...GROUND],
  'server/maintenance': [
    'protocol',
    'server/engine.ts',
    'server/state-machine',
    'server/alerts',
    'server/policies',
    'server/yaml-file.ts',
    'server/erasure/retention.ts',
    'server/config.ts',
    ...GROUND,
  ],
  'server/sealed-json.ts': [],
  'server/notices/routes/routes.ts': ['protocol'],
  'server/notices': [
    'server/yaml-file.ts',
    'server/maintenance/watched-file.ts',
    'protocol',
    'notifiers',
    'server/engine.ts',
    'server/state-machine',
    'server/documents',
    'server/config.ts',
    ...GROUND,
  ],
  'server/uploads': [
    'protocol',
    'server/objects/store.ts',
    'server/state-machine',
    'server/engine.ts',
    'server/views',
    'server/maintenance/duty.ts',
    'server/sealed-json.ts',
    ...GROUND,
  ],
  'server/analytics': [
    'server/nearest.ts',
    'installation',
    'protocol',
    'server/state-machine',
    'server/documents',
    'server/objects',
    'server/journal',
    'server/engine.ts',
    'server/views',
    'server/config.ts',
    'server/maintenance/duty.ts',
    ...GROUND,
  ],
  'server/audit': [
    'protocol',
    'server/engine.ts',
    'server/journal/keys.ts',
    'server/journal/segment.ts',
    'server/objects/store.ts',
    'server/state-machine',
  ],
  'server/transcripts': ['protocol'],
  'server/erasure/retention.ts': ['protocol', 'server/state-machine/state/records.ts', 'server/yaml-file.ts'],
  'server/erasure': [
    'protocol',
    'server/analytics/columns/keys.ts',
    'server/analytics/tables.ts',
    'server/engine.ts',
    'server/journal/keys.ts',
    'server/maintenance/duty.ts',
    'server/objects/store.ts',
    'server/state-machine',
    'server/transcripts',
    'server/uploads/erasing.ts',
    'server/views',
    ...GROUND,
  ],
  'server/pages': [],
  'server/api': [
    'server/access',
    'installation',
    'server/pages',
    'server/analytics',
    'server/backtest.ts',
    'protocol',
    'server/audit',
    'server/erasure',
    'server/transcripts',
    'server/uploads',
    'server/sealed-json.ts',
    'server/engine.ts',
    'server/state-machine',
    'server/documents',
    'server/journal/errors.ts',
    'notifiers/http/addresses.ts',
    'server/objects/store.ts',
    'server/views',
    'server/feed',
    'server/fleets/fleet.ts',
    'server/cache/status.ts',
    'server/queues/job-queue.ts',
    'server/telemetry',
    'server/verdicts',
    'server/fleets/reconciler.ts',
    'server/alerts',
    'server/maintenance/alert-rules.ts',
    'server/maintenance/policies.ts',
    'server/sources/observe.ts',
    'server/config.ts',
    ...GROUND,
  ],
  'server/telemetry': [
    'protocol',
    'tracing/span.ts',
    'server/engine.ts',
    'server/state-machine',
    'server/documents',
    'server/objects/store.ts',
    'server/cache/status.ts',
    'server/queues/job-queue.ts',
    'server/config.ts',
    ...GROUND,
  ],
  'server/config.ts': ['protocol'],
  'server/ids.ts': ['protocol'],
  'server/clock.ts': [],
  'server/sorted-map.ts': [],
  'server/at-once.ts': [],
  'server/backoff.ts': [],
  'server/main.ts': ['installation', 'protocol', 'server', 'sources', 'tracing'],
  'server/doctor.ts': ['protocol', 'server'],
  'server/sql.ts': ['protocol', 'server'],
  'server/backtest.ts': ['protocol', 'server'],
  'server/keys.ts': ['protocol', 'server'],
  'server/sources': [
    'protocol',
    'sources',
    'server/engine.ts',
    'server/state-machine',
    'server/views',
    'server/maintenance/duty.ts',
    'server/objects/store.ts',
    'server/sealed-json.ts',
    'server/config.ts',
    ...GROUND,
  ],
  'sdk/typescript': ['protocol'],
  // Of the server it knows what the client of its users knows.
  'dashboard/src': ['protocol', 'sdk/typescript'],
  sources: ['protocol'],
  notifiers: ['protocol'],
  agent: ['installation', 'protocol', 'sdk/typescript', 'tracing/span.ts'],
  cli: [
    'installation',
    'protocol',
    'tracing',
    'sdk/typescript',
    'agent',
    'sources',
    'notifiers',
    'server/main.ts',
    'server/doctor.ts',
    'server/sql.ts',
    'server/backtest.ts',
    'server/keys.ts',
    'server/policies/defaults.ts',
    'server/config.ts',
  ],
};

const FILES = globSync(
  ['{protocol,server,sdk,sources,notifiers,agent,cli,tracing}/**/*.ts', 'dashboard/src/**/*.{ts,tsx}'],
  { cwd: ROOT },
)
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => !/\.test\.ts$|\/testing|\/node_modules\//.test(file));

const within = (file: string, place: string): boolean => file === place || file.startsWith(`${place}/`);

/** The narrowest entry of the table that a file belongs to. */
function placeOf(file: string): string | undefined {
  return Object.keys(MAY_IMPORT)
    .filter((place) => within(file, place))
    .sort((a, b) => b.length - a.length)[0];
}

function* importsOf(file: string): Generator<{ target: string; typeOnly: boolean }> {
  const text = readFileSync(join(ROOT, file), 'utf8');
  for (const [, type, target] of text.matchAll(/^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'/gm)) {
    if (!target!.startsWith('.')) continue;
    yield {
      target: posix.normalize(posix.join(dirname(file).replaceAll('\\', '/'), target!)),
      typeOnly: type !== undefined,
    };
  }
}

test('every file of ours belongs to a place of the table', () => {
  assert.ok(FILES.length > 50, `only ${FILES.length} files were found`);
  assert.deepEqual(
    FILES.filter((file) => placeOf(file) === undefined),
    [],
  );
});

test('dependencies point one way', () => {
  const wrong: string[] = [];
  for (const file of FILES) {
    const place = placeOf(file);
    if (place === undefined) continue;
    for (const { target } of importsOf(file)) {
      if (within(target, place) || MAY_IMPORT[place]!.some((allowed) => within(target, allowed))) continue;
      wrong.push(`${file} imports ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

/** Packages and parts of Node that a file needs when it runs, by what it imports and what that imports. */
function needsOf(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const text = readFileSync(join(ROOT, file), 'utf8');
  const packages = [...text.matchAll(/^(?:import|export)\s+(?!type\s)[^'"]*?from\s+'([^'.][^']*)'/gm)].map(
    ([, name]) => name!,
  );
  const ours = [...importsOf(file)].filter(({ typeOnly }) => !typeOnly);
  return [...packages, ...ours.flatMap(({ target }) => needsOf(target, seen))];
}

test('the SDK has no runtime dependency; its reporter, for workers, stands on Node alone', () => {
  const wrong: string[] = [];
  for (const file of FILES.filter((name) => within(name, 'sdk/typescript'))) {
    const reporter = within(file, 'sdk/typescript/reporter');
    for (const need of needsOf(file)) {
      if (!(reporter && need.startsWith('node:'))) wrong.push(`${file} needs ${need}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('the clients of fleets and queues on AWS are loaded only with such a fleet or queue', () => {
  const needs = needsOf('server/main.ts');
  assert.ok(needs.includes('fastify'));
  assert.deepEqual(
    needs.filter((need) => /client-(ec2|auto-scaling|sqs)/.test(need)),
    [],
  );
  assert.ok(needsOf('server/fleets/asg-fleet.ts').includes('@aws-sdk/client-auto-scaling'));
});

test('no client of AWS or of a database, and no DuckDB, is loaded by the start of a monitor', () => {
  const programs = ['server/main.ts', 'server/objects/store-thread-worker.ts', 'cli/main.ts', 'cli/serve.ts'];
  assert.deepEqual(
    programs.flatMap((file) => needsOf(file)).filter((need) => /@aws-sdk|duckdb|^(?:pg|mysql2|redis)\b/.test(need)),
    [],
  );
  assert.ok(needsOf('server/analytics/analytics.ts').includes('@duckdb/node-api'));
});

test('the client of an identity provider is loaded only when somebody signs in there', () => {
  assert.ok(!needsOf('server/main.ts').includes('openid-client'));
  assert.match(readFileSync(join(ROOT, 'server/access/oidc/provider.ts'), 'utf8'), /import\('openid-client'\)/);
});

test('the packages of OpenTelemetry are loaded only when traces are sent', () => {
  const needs = [...needsOf('server/main.ts'), ...needsOf('agent/worker.ts'), ...needsOf('cli/worker.ts')];
  assert.deepEqual(
    needs.filter((need) => need.startsWith('@opentelemetry/')),
    [],
  );
});

test('only config.ts and the programs at the edge read the environment', () => {
  const readers = FILES.filter(
    (file) => within(file, 'server') && readFileSync(join(ROOT, file), 'utf8').includes('process.env'),
  );
  assert.deepEqual(
    readers.filter((file) => file !== 'server/config.ts'),
    [],
  );
});
