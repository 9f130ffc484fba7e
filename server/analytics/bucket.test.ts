/** Analytics of monitors on a bucket: each has a process of its own, and all show the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { startTestMonitor, temporaryDirectory } from '../../test/processes/tmon.ts';
import { Caller } from '../../test/servers/monitor.ts';
import { gatewayAbsent, gatewayCredentials, startGateway } from '../../test/servers/s3-gateway.ts';
import { complete, hold } from '../../test/servers/steps.ts';

test('two monitors on a bucket report the same jobs, whichever of them is asked', {
  skip: gatewayAbsent() ?? false,
}, async (t) => {
  const server = await startGateway();
  t.after(server.stop);
  const { endpoint } = server;
  const client = new S3Client({ endpoint, region: 'us-east-1', credentials: gatewayCredentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: 'jobs' }));
  const environment = {
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: gatewayCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: gatewayCredentials.secretAccessKey,
    XDG_CACHE_HOME: temporaryDirectory(t),
  };
  const settings = { store: 's3://jobs/monitor', finished_max: 1 };
  const one = await startTestMonitor(t, settings, environment);
  const other = await startTestMonitor(t, settings, environment);
  const [first, second] = [new Caller(one.url), new Caller(other.url)];
  for (let n = 0; n < 3; n++) await complete(first, await hold(first, { duration_seconds: 60 }));
  for (const monitor of [first, second]) {
    const { status, body } = await monitor.get('/analytics/throughput?group_by=worker');
    assert.deepEqual([status, body.total.jobs_completed, body.total.audio_seconds], [200, 3, 180]);
  }
});
