/** Rules common to all endpoints: each is tested and documented, and follows the same conventions. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { AUDIO, submit } from '../../../test/servers/steps.ts';
import { systemClock } from '../../clock.ts';
import { readSettings } from '../../config.ts';
import { bodySchema, querySchema } from '../endpoint.ts';
import { compileValidator } from '../validation.ts';
import { buildApi, endpoints } from './app.ts';

const clock = new JumpingClock();
const monitor = await openMonitor({ after }, { clock });

/** The documents' 18 endpoints. */
const DOCUMENTED: Record<string, string> = {
  A60: 'GET /system/health',
  A61: 'GET /system/metrics',
  A62: 'GET /system/alerts',
  A63: 'POST /system/alerts/{alert_id}/resolve',
  A64: 'GET /jobs',
  A65: 'GET /jobs/{job_id}',
  A66: 'GET /jobs/{job_id}/progress',
  A67: 'GET /jobs/{job_id}/timeline',
  A68: 'POST /jobs',
  A69: 'DELETE /jobs/{job_id}',
  A70: 'GET /workers',
  A71: 'GET /workers/{worker_id}',
  A72: 'GET /workers/{worker_id}/jobs',
  A73: 'POST /workers/{worker_id}/restart',
  A74: 'POST /workers',
  A75: 'GET /queues/main',
  A76: 'GET /queues/dlq',
  A77: 'POST /queues/main/purge',
};

const nameOf = ({ method, path }: { method: string; path: string }) =>
  `${method} ${path.replace(/:([a-z_]+)/g, '{$1}')}`;

test('[A3] every endpoint of the documents exists and has a test', () => {
  const here = new Set(endpoints.map(nameOf));
  const folder = fileURLToPath(new URL('../endpoints/', import.meta.url));
  const tests = readdirSync(folder)
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => readFileSync(`${folder}${file}`, 'utf8'))
    .join('\n');
  for (const [item, endpoint] of Object.entries(DOCUMENTED)) {
    assert.ok(here.has(endpoint), `${item} ${endpoint} is missing`);
    assert.ok(tests.includes(`[${item}]`), `${item} ${endpoint} has no test`);
  }
});

/** The document itself, and what a browser passes through when somebody signs in. */
const NO_OPERATIONS = ['openapi.json', 'session/oidc', 'session/oidc/callback'].map((name) => `GET /api/v1/${name}`);

test('[S32] the API document has every route, and no other', async () => {
  const { app, close } = await buildApi(readSettings({}, {}), '0', () => {});
  const { body: document } = await monitor.get('/openapi.json');
  const declared = Object.entries(document.paths as Record<string, object>)
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
    .sort();
  const routes = routesOf(app.printRoutes({ commonPrefix: false })).filter((route) => route.includes(' /api/'));
  assert.deepEqual(routes.sort(), [...declared, ...NO_OPERATIONS].sort());
  assert.deepEqual(
    endpoints.map((endpoint) => `${endpoint.method} /api/v1${nameOf(endpoint).split(' ')[1]}`).sort(),
    declared,
  );
  await close(systemClock);
});

test('every schema of a request compiles, which happens only when a request needs it', () => {
  for (const endpoint of endpoints) {
    const parts = { params: endpoint.params, querystring: querySchema(endpoint), body: bodySchema(endpoint) };
    for (const [httpPart, schema] of Object.entries(parts)) {
      if (schema) assert.doesNotThrow(() => compileValidator({ schema, httpPart })({}), nameOf(endpoint));
    }
  }
});

test('the API document is valid: OpenAPI 3.1, unique operations, no dangling reference', async () => {
  const { status, body: document } = await monitor.get('/openapi.json');
  assert.equal(status, 200);
  assert.match(document.openapi, /^3\.1\./);
  assert.ok(document.info.title && document.info.version && document.info.license.identifier);
  const operations = new Set<string>();
  for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const where = `${method} ${path}`;
      assert.ok(!operations.has(operation.operationId), `${where}: ${operation.operationId} is declared twice`);
      operations.add(operation.operationId);
      assert.ok(operation.summary && operation.tags.length === 1, where);
      const named = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => `{${name}}`);
      assert.deepEqual(path.match(/\{[a-z_]+\}/g) ?? [], named, `${where}: path parameters`);
      for (const { schema, in: place, required } of operation.parameters)
        assert.ok(schema && (place !== 'path' || required), where);
      const codes = Object.keys(operation.responses);
      assert.ok(codes.includes('default') && codes.some((code) => /^2\d\d$/.test(code)), where);
      if (method === 'post')
        assert.ok(
          operation.parameters.some(({ name }) => name === 'Idempotency-Key'),
          where,
        );
    }
  }
  for (const [, name] of JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)) {
    const schema = name!.replace('#/components/schemas/', '');
    assert.ok(document.components.schemas[schema], `${name} leads nowhere`);
  }
  assert.doesNotMatch(JSON.stringify(document), /"\$id"/);
  for (const name of ['Job', 'Worker', 'SystemHealth', 'Queue', 'Alert', 'Problem', 'JobSubmission'])
    assert.ok(document.components.schemas[name], name);
});

/** Fastify's tree of routes, flat: each line is indented by four characters a level, and adds to the path above it. */
function routesOf(tree: string): string[] {
  const above: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const [, indent = '', part = '', methods] = /^((?:[│ ] {3})*)[├└]── (\S*)(?: \((.+)\))?$/.exec(line) ?? [];
    above.length = indent.length / 4;
    above.push(part);
    const path = above.join('').replace(/:([a-z_]+)/g, '{$1}');
    const named = methods?.split(', ').filter((method) => method !== 'HEAD') ?? [];
    return named.map((method) => `${method} ${path}`);
  });
}

type Operation = {
  operationId: string;
  summary: string;
  tags: string[];
  parameters: { name: string; in: string; required?: boolean; schema: object }[];
  responses: object;
};

test('an unknown path is 404, an unsupported method is 405 with Allow, an unsupported type is 415', async () => {
  const nothing = await monitor.get('/nothing?x=1');
  assert.deepEqual([nothing.status, nothing.body.code], [404, 'route_not_found']);
  assert.match(nothing.body.hint, /openapi\.json/);
  for (const [method, path, allow] of [
    ['PUT', '/jobs', 'POST, GET, HEAD'],
    ['QUERY', '/jobs', 'POST, GET, HEAD'],
    ['PROPFIND', '/jobs', 'POST, GET, HEAD'],
    ['PUT', '/jobs/batch', 'POST'],
    ['POST', '/openapi.json', 'GET, HEAD'],
    ['POST', '/system/health', 'GET, HEAD'],
    ['GET', '/jobs/job-1/complete', 'POST'],
    ['PATCH', '/workers/worker-1', 'GET, HEAD, PUT, DELETE'],
  ] as const) {
    const { status, headers, body } = await monitor.call(method, `/api/v1${path}`);
    assert.deepEqual(
      [status, body.code, headers.get('allow')],
      [405, 'method_not_allowed', allow],
      `${method} ${path}`,
    );
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'x']) {
    const headers = { 'content-type': type };
    const { status, body } = await monitor.call('POST', '/api/v1/jobs', { body: '{}', headers });
    assert.deepEqual([status, body.code], [415, 'unsupported_media_type'], type);
  }
  const charset = { body: `{"audio_url":"${AUDIO}"}`, headers: { 'content-type': 'application/json; charset=utf-8' } };
  assert.equal((await monitor.call('POST', '/api/v1/jobs', charset)).status, 201);
  assert.equal((await monitor.get('/jobs/')).status, 200, 'a trailing slash is ignored');
});

test('every endpoint refuses unknown query parameters and body fields', async () => {
  for (const endpoint of endpoints) {
    const path = `/api/v1${endpoint.path.replace(':attempt', '1').replace(/:[a-z_]+/g, 'some-id')}`;
    const headers: Record<string, string> = endpoint.consumes ? { 'content-type': 'application/x-ndjson' } : {};
    const query = await monitor.call(
      endpoint.method,
      `${path}?surprise=1`,
      endpoint.consumes ? { body: 'x', headers } : {},
    );
    assert.equal(query.status, 400, `${nameOf(endpoint)}?surprise`);
    assert.ok(['invalid_query', 'invalid_body'].includes(query.body.code), `${nameOf(endpoint)}: ${query.body.code}`);
    if (endpoint.method === 'GET' || endpoint.consumes) continue;
    const body = await monitor.call(endpoint.method, path, { body: { surprise: 1 } });
    assert.deepEqual([body.status, body.body.code], [400, 'invalid_body'], nameOf(endpoint));
    assert.ok(
      body.body.errors.some(({ field }: { field: string }) => field === '/surprise') || endpoint.body,
      nameOf(endpoint),
    );
  }
});

test('every response has Tmon-Seq; min_seq waits for it, and fails if it is not reached', async () => {
  const { headers } = await monitor.post('/jobs', { audio_url: AUDIO });
  const seq = Number(headers.get('tmon-seq'));
  assert.ok(seq > 0);
  assert.equal((await monitor.get(`/queues/main?min_seq=${seq}`)).status, 200);
  const waiting = monitor.get(`/queues/main?min_seq=${seq + 1}`);
  await submit(monitor);
  assert.ok((await waiting).body.as_of_seq > seq);
  const never = monitor.get(`/jobs?min_seq=${Number.MAX_SAFE_INTEGER}`);
  await monitor.get('/jobs');
  clock.jump(5_000);
  const { status, body: problem, headers: refused } = await never;
  assert.deepEqual([status, problem.code, refused.get('retry-after')], [503, 'seq_not_reached', '1']);
  for (const wrong of ['x', '-1', '1.5', '1&min_seq=2']) {
    const { status, body } = await monitor.get(`/jobs?min_seq=${wrong}`);
    assert.deepEqual([status, body.code], [400, 'invalid_query'], wrong);
  }
  assert.equal((await monitor.get('/nothing')).headers.get('tmon-seq'), String(seq + 1), 'a refusal too');
});

test('before the journal has been read, the API reports that it is starting', async () => {
  const { app, close } = await buildApi(readSettings({}, {}), '0', () => {});
  const response = await app.inject({ method: 'GET', url: '/api/v1/jobs', headers: { host: 'localhost' } });
  assert.deepEqual(
    [response.statusCode, response.json().code, response.headers['retry-after']],
    [503, 'starting', '1'],
  );
  const ready = await app.inject({ method: 'GET', url: '/readyz', headers: { host: 'localhost' } });
  assert.deepEqual([ready.statusCode, ready.json()], [503, { status: 'starting' }]);
  const alive = await app.inject({ method: 'GET', url: '/livez', headers: { host: 'localhost' } });
  assert.equal(alive.statusCode, 200);
  await close(systemClock);
});
