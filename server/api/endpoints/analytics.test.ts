/** Analytics over HTTP. The figures are tested in server/analytics/. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '../../../test/processes/tmon.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { complete, fail, hold, submit } from '../../../test/servers/steps.ts';

test('a report has its range, its groups and its total, of jobs that ended a moment ago', async (t) => {
  const monitor = await openMonitor(t);
  await complete(monitor, await hold(monitor, { duration_seconds: 60, tags: ['night'] }));
  await fail(monitor, await hold(monitor));
  await submit(monitor);
  const { status, body, headers } = await monitor.get('/analytics/costs?group_by=priority');
  assert.equal(status, 200);
  assert.equal(body.group_by, 'priority');
  assert.equal(Date.parse(body.to) - Date.parse(body.from), 30 * 86_400_000);
  const [item] = body.items;
  assert.deepEqual([body.items.length, item.group, item.jobs_completed, item.jobs_failed], [1, 'normal', 1, 1]);
  assert.deepEqual([body.total.jobs_completed, body.total.jobs_failed, body.total.audio_seconds], [1, 1, 60]);
  assert.ok(body.as_of_seq > 0 && headers.get('tmon-seq'));
  for (const report of ['throughput', 'durations', 'failures']) {
    const { status, body } = await monitor.get(`/analytics/${report}`);
    assert.deepEqual([status, body.items.length], [200, 1], report);
  }
  const earlier = await monitor.get('/analytics/costs?from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z');
  assert.deepEqual([earlier.body.items, earlier.body.total.jobs_completed], [[], 0]);
});

test('as CSV it has a row for each group, nested figures with a dot, and no formula for a spreadsheet', async (t) => {
  const monitor = await openMonitor(t);
  await complete(monitor, await hold(monitor, { duration_seconds: 60, tags: ['=1+1', 'a,"b"'] }));
  const csv = async (path: string) => {
    const { status, headers, text } = await monitor.get(path, { accept: 'text/csv' });
    assert.deepEqual([status, headers.get('content-type')], [200, 'text/csv; charset=utf-8']);
    return text.trimEnd().split('\r\n');
  };
  const [header, ...rows] = await csv('/analytics/costs?group_by=tag');
  assert.match(header!, /^group,jobs_completed,/);
  assert.deepEqual(
    rows.map((row) => row.replace(/,1,0,0,.*/, '')),
    [`'=1+1`, `"a,""b"""`],
  );
  assert.match((await csv('/analytics/durations'))[0]!, /,processing\.p95,/);
});

test('bad input is refused with a hint', async (t) => {
  const monitor = await openMonitor(t);
  for (const [path, status, code] of [
    ['/analytics/costs?group_by=colour', 400, 'invalid_query'],
    ['/analytics/costs?from=yesterday', 400, 'invalid_query'],
    ['/analytics/costs?from=2025-07-07T00:00:00Z&to=2025-07-07T00:00:00Z', 400, 'empty_range'],
    ['/analytics/costs?frm=2025-07-07T00:00:00Z', 400, 'invalid_query'],
  ] as const) {
    const { status: found, body } = await monitor.get(path);
    assert.deepEqual([found, body.code], [status, code], path);
  }
  const off = await openMonitor(t, { analytics: 'off' });
  const { status, body } = await off.get('/analytics/costs');
  assert.deepEqual([status, body.code], [409, 'analytics_off']);
});

test('[S23] SQL is off by default; switched on, it returns rows as objects, and errors with their place', async (t) => {
  const ask = (at: Awaited<ReturnType<typeof openMonitor>>, sql: string) => at.post('/analytics/sql', { sql });
  const closed = await openMonitor(t);
  const refused = await ask(closed, 'SELECT 1');
  assert.deepEqual([refused.status, refused.body.code], [403, 'sql_off']);

  const monitor = await openMonitor(t, { analytics_sql: 'on', analytics_rows_max: 100, analytics_timeout_ms: 2_000 });
  await complete(monitor, await hold(monitor, { duration_seconds: 60 }));
  const { body } = await ask(
    monitor,
    `SELECT state, count(*) AS n, max(completed_at) AS last, [1, 2] AS list FROM job_states GROUP BY state`,
  );
  assert.deepEqual(
    body.columns.map(({ name }: { name: string }) => name),
    ['state', 'n', 'last', 'list'],
  );
  const [{ last, ...row }] = body.items;
  assert.deepEqual(row, { state: 'COMPLETED', n: 1, list: [1, 2] });
  assert.match(last, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);

  const wrong = await ask(monitor, 'SELECT state,\n  cost_dollars FROM job_states');
  assert.deepEqual([wrong.status, wrong.body.code, wrong.body.line, wrong.body.column], [400, 'invalid_sql', 2, 3]);
  assert.match(wrong.body.detail, /cost_dollars.*Candidate bindings.*cost_usd/s);
  for (const [sql, status, code] of [
    ['SELEC 1', 400, 'invalid_sql'],
    ['SELECT 1; SELECT 2', 400, 'not_one_statement'],
    ['', 400, 'invalid_body'],
    ['DELETE FROM fresh_jobs', 400, 'not_a_select'],
    ['SELECT * FROM range(1000)', 413, 'too_many_rows'],
    [
      'SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range % 7 = b.range % 5',
      413,
      'query_too_long',
    ],
  ] as const) {
    const { status: found, body } = await ask(monitor, sql);
    assert.deepEqual([found, body.code], [status, code], sql);
  }
});

test('on a directory the reports come from a separate process, which reads the store of its monitor', async (t) => {
  const store = `dir:${temporaryDirectory(t)}`;
  const monitor = await openMonitor(t, { store, analytics_cache: temporaryDirectory(t) });
  await complete(monitor, await hold(monitor, { duration_seconds: 60 }));
  const responses = await Promise.all([1, 2, 3].map(() => monitor.get('/analytics/throughput?group_by=worker')));
  for (const { status, body } of responses) {
    assert.deepEqual([status, body.items[0]?.group, body.total.jobs_completed], [200, 'worker-1', 1]);
  }
  await complete(monitor, await hold(monitor, { duration_seconds: 60 }));
  const { body } = await monitor.get('/analytics/throughput');
  assert.deepEqual(
    [body.total.jobs_completed, body.as_of_seq],
    [2, (await monitor.get('/system/metrics')).body.as_of_seq],
  );
});
