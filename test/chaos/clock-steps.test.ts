/**
 * The clock of the machine is set while the monitor runs, and between two starts, on a directory and on a bucket:
 * leases end on time.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createBucket, testBucket } from '../conformance/object-store-s3.ts';
import { startTestMonitor, type TestMonitor, temporaryDirectory } from '../processes/tmon.ts';
import { Faketime, findFaketime } from '../servers/faketime.ts';
import { Caller } from '../servers/monitor.ts';
import { gatewayAbsent, gatewayCredentials, startGateway } from '../servers/s3-gateway.ts';
import type { TestServer } from '../servers/start.ts';
import { extent } from '../thorough.ts';

const LEASE_MS = 2_000;
/** More than everything that a test waits for, far less than any step. */
const NEAR_MS = 600_000;
const OFFSETS = ['+10y', '+1h', '-1h'];
const ON_DIRECTORY = extent(OFFSETS, ['-1h']);
const ON_BUCKET = extent(OFFSETS, ['+10y']);
const library = findFaketime();
const absent = library === undefined && 'libfaketime is not installed: apt-get install libfaketime';

type Cleaning = Parameters<typeof startTestMonitor>[0];
type Place = { settings?: Record<string, string>; environment?: Record<string, string> };
type Fake = { monitor: TestMonitor; caller: Caller; faketime: Faketime };

async function start(t: Cleaning, { settings = {}, environment = {} }: Place = {}): Promise<Fake> {
  const faketime = new Faketime(library!, join(temporaryDirectory(t), 'offset'));
  const monitor = await startTestMonitor(
    t,
    { lease_ms: LEASE_MS, ...settings },
    { ...environment, ...faketime.environment },
  );
  return { monitor, caller: new Caller(monitor.url), faketime };
}

/** Claims a job, and never reports on it. */
async function hold(caller: Caller): Promise<string> {
  await caller.put('/workers/worker-1', { capabilities: { model: 'm', device: 'cpu' } });
  await caller.post('/jobs', { audio_url: 's3://bucket/audio.mp3' });
  const { body } = await caller.post('/workers/worker-1/claim', { max_jobs: 1, wait_seconds: 5 });
  return body.jobs[0].job.job_id;
}

/** A lease from before the step ends, and so does one from after it; the times of jobs are about now. */
async function leasesEnd({ caller, faketime }: Fake, offset: string): Promise<void> {
  const before = await hold(caller);
  faketime.set(offset);
  await caller.until(`/jobs/${before}`, ({ state }) => state === 'QUEUED');
  const held = await hold(caller);
  await caller.until(`/jobs/${held}`, ({ state }) => state === 'QUEUED');
  const { body } = await caller.get(`/jobs/${held}`);
  assert.ok(Math.abs(Date.parse(body.created_at) - Date.now()) < NEAR_MS, body.created_at);
}

describe('on a directory', { skip: absent, concurrency: 2 }, () => {
  for (const offset of ON_DIRECTORY) {
    test(`a clock set by ${offset} while the monitor runs neither ends a lease nor keeps it from ending`, async (t) => {
      const fake = await start(t);
      await leasesEnd(fake, offset);
      const { monitor, caller, faketime } = fake;
      const ready = await caller.call('GET', '/readyz');
      assert.notEqual(ready.body.clock, undefined);

      faketime.set('+0');
      await monitor.stop();
      await monitor.restart();
      assert.equal((await caller.call('GET', '/readyz')).body.clock, undefined);
    });
  }

  test('a start with the right clock after one that was ten years ahead: leases still end', async (t) => {
    const { monitor, caller, faketime } = await start(t);
    await monitor.stop();
    faketime.set('+10y');
    await monitor.restart();
    const held = await hold(caller);
    await monitor.stop();
    faketime.set('+0');
    await monitor.restart();
    await caller.until(`/jobs/${held}`, ({ state }) => state === 'QUEUED');
    assert.ok((await caller.call('GET', '/readyz')).body.clock.offset_ms > 0);
  });
});

describe('on a bucket, whose clock stays right', { skip: absent || gatewayAbsent(), concurrency: 3 }, () => {
  let gateway: Promise<TestServer> | undefined;
  after(async () => (await gateway)?.stop());

  async function openGateway(): Promise<TestServer> {
    const server = await startGateway();
    await createBucket(server.endpoint, gatewayCredentials);
    return server;
  }

  /** Its own prefix. */
  async function bucket(): Promise<Place> {
    gateway ??= openGateway();
    const { endpoint } = await gateway;
    return {
      settings: { store: `s3://${testBucket}/${randomUUID()}` },
      environment: {
        AWS_ENDPOINT_URL_S3: endpoint,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: gatewayCredentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: gatewayCredentials.secretAccessKey,
      },
    };
  }

  for (const offset of ON_BUCKET) {
    test(`a clock set by ${offset} while the monitor runs neither ends a lease nor keeps it from ending`, async (t) => {
      await leasesEnd(await start(t, await bucket()), offset);
    });

    test(`a clock that is ${offset} off at the start: leases end, and after a start with the right one, too`, async (t) => {
      const { monitor, caller, faketime } = await start(t, await bucket());
      await monitor.stop();
      faketime.set(offset);
      await monitor.restart();
      const held = await hold(caller);
      await caller.until(`/jobs/${held}`, ({ state }) => state === 'QUEUED');
      const again = await hold(caller);
      await monitor.stop();
      faketime.set('+0');
      await monitor.restart();
      await caller.until(`/jobs/${again}`, ({ state }) => state === 'QUEUED');
    });
  }
});
