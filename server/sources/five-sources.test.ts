/** One worker program with five URLs, and a monitor that shows the same jobs in the same states from each source. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { JOB_STATUS_SQL } from '../../protocol/job-status-table.ts';
import { Reporter } from '../../sdk/typescript/reporter/reporter.ts';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { type Json, type Monitor, openMonitor } from '../../test/servers/monitor.ts';
import { motoCredentials, startMoto } from '../../test/servers/moto.ts';
import type { TestServer } from '../../test/servers/start.ts';

const JOBS = { good: 'COMPLETED', bad: 'FAILED', on: 'PROCESSING' };

/** A worker that knows only the URL of its sink. Its job ids include the name of the system. */
async function work(url: string, system: string): Promise<void> {
  const reporter = Reporter.fromUrl(url, {
    workerId: `worker-${system}`,
    progressIntervalMs: 0,
    closeWithinMs: 60_000,
  });
  for (const name of Object.keys(JOBS)) reporter.jobStart(`${system}-${name}`);
  reporter.jobProgress(`${system}-on`, 45);
  reporter.jobComplete(`${system}-good`);
  reporter.jobFailed(`${system}-bad`, 'GPU out of memory');
  await reporter.close();
  assert.deepEqual(reporter.dropped, { full: 0, refused: 0, unusable: 0, closed: 0 });
}

/** The jobs of the system, once all of them have the expected state. */
async function jobsOf(monitor: Monitor, system: string): Promise<Record<string, string>> {
  const { items } = await monitor.until('/jobs', (page) => {
    const states = new Map(page.items.map((one: Json) => [one.job_id, one.state]));
    return Object.entries(JOBS).every(([name, state]) => states.get(`${system}-${name}`) === state);
  });
  const own = items.filter((one: Json) => one.job_id.startsWith(`${system}-`));
  return Object.fromEntries(own.map((one: Json) => [one.job_id.slice(system.length + 1), one.state]));
}

describe('systems without a server, and the monitor that follows them', () => {
  let moto: TestServer;
  let s3: S3Client;
  let sqs: SQSClient;
  const names = ['AWS_ENDPOINT_URL', 'AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
  const kept = names.map((name) => [name, process.env[name]] as const);

  before(async () => {
    moto = await startMoto();
    const { accessKeyId, secretAccessKey } = motoCredentials;
    for (const [index, value] of [moto.endpoint, 'us-east-1', accessKeyId, secretAccessKey].entries()) {
      process.env[names[index]!] = value;
    }
    const config = { endpoint: moto.endpoint, region: 'us-east-1', credentials: motoCredentials };
    s3 = new S3Client({ ...config, forcePathStyle: true });
    sqs = new SQSClient(config);
    await s3.send(new CreateBucketCommand({ Bucket: 'status-bucket' }));
    await sqs.send(new CreateQueueCommand({ QueueName: 'reports' }));
  });
  after(async () => {
    for (const [name, value] of kept) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    s3?.destroy();
    sqs?.destroy();
    await moto?.stop();
  });

  test('five at once show the same jobs in the same states', async (t) => {
    const directory = temporaryDirectory(t);
    const database = new DatabaseSync(join(directory, 'jobs.db'));
    database.exec(JOB_STATUS_SQL.sqlite.create);
    database.close();
    writeFileSync(join(directory, 'worker.log'), '');
    const other = await openMonitor(t);
    const urls: Record<string, string> = {
      log: `log:${directory}/worker.log`,
      s3: 's3://status-bucket/team',
      sqlite: `sqlite:${directory}/jobs.db`,
      sqs: 'sqs://reports',
      http: other.url,
    };
    const monitor = await openMonitor(t, { source: Object.values(urls).join(' '), source_poll_ms: 20 });
    await Promise.all(Object.entries(urls).map(([system, url]) => work(url, system)));
    for (const system of Object.keys(urls)) assert.deepEqual(await jobsOf(monitor, system), JOBS, system);
    const { items: sources } = (await monitor.get('/sources')).body;
    assert.equal(sources.length, 5);
    assert.deepEqual(
      sources.flatMap((one: Json) => (one.problem ? [`${one.name}: ${one.problem.message}`] : [])),
      [],
    );
    const { items: jobs } = (await monitor.get('/jobs')).body;
    assert.equal(jobs.length, 15);
    for (const one of jobs) assert.match(one.worker.worker_id, /^worker-(log|s3|sqlite|sqs|http)$/);
    const { items: workers } = (await monitor.get('/workers')).body;
    assert.deepEqual(
      workers.map((one: Json) => [one.worker_id, one.state]).sort(),
      Object.keys(urls)
        .map((system) => [`worker-${system}`, 'ACTIVE'])
        .sort(),
    );
  });

  test('following a queue of waiting jobs leaves its messages to the workers', async (t) => {
    const { QueueUrl } = await sqs.send(
      new CreateQueueCommand({ QueueName: 'work', Attributes: { VisibilityTimeout: '1' } }),
    );
    const text = (StringValue: string) => ({ StringValue, DataType: 'String' });
    const MessageAttributes = { JobId: text('job-waits'), StartTime: text('2025-07-07T19:30:00Z') };
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 's3://bucket/audio.mp3', MessageAttributes }));
    const monitor = await openMonitor(t, { source: 'sqs://work', source_poll_ms: 20 });
    await monitor.until('/jobs', ({ items }) => items.some((one: Json) => one.state === 'QUEUED'));
    await monitor.stop();
    const receive = new ReceiveMessageCommand({ QueueUrl, MessageAttributeNames: ['All'], WaitTimeSeconds: 10 });
    const { Messages = [] } = await sqs.send(receive);
    assert.equal(Messages[0]?.MessageAttributes?.JobId?.StringValue, 'job-waits');
  });
});
