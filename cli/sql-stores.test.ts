/** `tmon sql` on stores with column files, whose monitor does not run: a directory, and a bucket of a real S3 server. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { HOUR_MS } from '../protocol/time.ts';
import { copyObjects, finishJobs, openAnalytics } from '../server/analytics/testing-analytics.ts';
import { S3Store } from '../server/objects/s3.ts';
import { keysIn } from '../server/views/testing-monitor.ts';
import { createBucket, testBucket } from '../test/conformance/object-store-s3.ts';
import { runTmon, temporaryDirectory } from '../test/processes/tmon.ts';
import { startCountingProxy } from '../test/servers/counting-proxy.ts';
import { gatewayAbsent, gatewayCredentials, startGateway } from '../test/servers/s3-gateway.ts';

const temporary = temporaryDirectory({ after });

/** A store in memory with three jobs in a column file. */
async function withColumnFiles(t: TestContext): ReturnType<typeof openAnalytics> {
  const analytics = await openAnalytics({ finished_window_ms: HOUR_MS });
  t.after(() => analytics.close());
  await finishJobs(analytics, 3);
  await analytics.clock.turn(2 * HOUR_MS);
  await analytics.archive();
  await analytics.clock.turn(2 * HOUR_MS);
  assert.equal(await analytics.write(), 1);
  return analytics;
}

test('column files are fetched into the cache once; of one that is damaged the key is named, and the exit code is 6', async (t) => {
  const analytics = await withColumnFiles(t);
  const [folder, cache] = [temporaryDirectory(t), temporaryDirectory(t)];
  await copyObjects(analytics.store, folder);
  const count = () => {
    const args = ['sql', 'SELECT count(*) AS n, sum(cost_usd) AS usd FROM job_states', '--store', `dir:${folder}`];
    return runTmon(t, args, { environment: { XDG_CACHE_HOME: cache, TMPDIR: temporary } });
  };
  const columns = () =>
    readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter((name) => /parquet$/.test(name));
  assert.deepEqual((await count()).stdout, '3\t0.18\n');
  assert.equal(columns().length, 2);
  const [lost] = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /parquet$/.test(name));
  writeFileSync(join(folder, lost!), 'PAR1 no more');
  assert.equal((await count()).stdout, '3\t0.18\n', 'from the cache');
  for (const name of columns()) rmSync(join(cache, name));
  const { code, stdout, stderr } = await count();
  assert.deepEqual([code, stdout], [6, '']);
  assert.ok(stderr.startsWith(`tmon: ${lost} is damaged\nhint: `), stderr);
});

test('a bucket is only read, and each column file once', { skip: gatewayAbsent() }, async (t) => {
  const analytics = await withColumnFiles(t);
  const gateway = await startGateway();
  t.after(() => gateway.stop());
  const proxy = await startCountingProxy(gateway.endpoint);
  t.after(() => proxy.stop());
  await createBucket(gateway.endpoint, gatewayCredentials);
  const client = { endpoint: gateway.endpoint, region: 'us-east-1', credentials: gatewayCredentials };
  const bucket = await S3Store.open({ bucket: testBucket, prefix: 'tmon', client });
  for (const key of await keysIn(analytics.store, '')) {
    const object = await analytics.store.get(key);
    if (object.found) await bucket.put(key, object.bytes);
  }
  const environment = {
    XDG_CACHE_HOME: temporaryDirectory(t),
    TMPDIR: temporary,
    AWS_ENDPOINT_URL_S3: proxy.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: gatewayCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: gatewayCredentials.secretAccessKey,
  };
  const args = ['sql', 'SELECT count(*), sum(cost_usd) FROM job_states', '--store', `s3://${testBucket}/tmon`];
  const gets = [];
  for (let run = 0; run < 2; run++) {
    const { stdout, stderr } = await runTmon(t, args, { environment });
    assert.equal(stdout, '3\t0.18\n', stderr);
    const counted = proxy.take();
    assert.deepEqual(Object.keys(counted), ['s3 GET']);
    gets.push(counted['s3 GET']!.requests);
  }
  assert.equal(gets[1], gets[0]! - 2);
});
