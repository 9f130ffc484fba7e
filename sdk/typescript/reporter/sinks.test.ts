/** One worker program, examples/typescript/worker.ts, with one URL after another, against real systems. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CloudWatchLogsClient, CreateLogGroupCommand, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateTableCommand, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import type { Job } from '../../../protocol/job.ts';
import { readRow } from '../../../protocol/job-status-rows.ts';
import { dynamoCreateTable, dynamoRow, dynamoSince, JOB_STATUS_SQL } from '../../../protocol/job-status-table.ts';
import { parseLogLine } from '../../../protocol/log-line.ts';
import { shortId } from '../../../protocol/reported-id.ts';
import type { Sighting } from '../../../protocol/sighting.ts';
import { readStatusFile, type StatusFile } from '../../../protocol/status-file.ts';
import { systemClock } from '../../../server/clock.ts';
import { MemoryStore } from '../../../server/objects/memory.ts';
import type { DatabaseServer } from '../../../test/servers/database.ts';
import { mariadbAbsent, startMariadb } from '../../../test/servers/mariadb.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { startMoto } from '../../../test/servers/moto.ts';
import { pgbouncerAbsent, startPgbouncer } from '../../../test/servers/pgbouncer.ts';
import { postgresqlAbsent, startPostgresql } from '../../../test/servers/postgresql.ts';
import type { TestServer } from '../../../test/servers/start.ts';
import { submit } from '../../../test/servers/steps.ts';
import { type Dropped, Reporter, type ReporterOptions } from './reporter.ts';
import { spoolKey, spoolLine, spoolName } from './spool-format.ts';
import { nobody } from './spool-owner.ts';
import { ReportWriter } from './write-report.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tmon-reporter-'));
after(() => rmSync(folder, { recursive: true, force: true }));
process.env.TMON_SPOOL = join(folder, 'spool');

/** Runs the worker on an existing and on a missing recording. */
function runWorker(url: string, environment: Record<string, string> = {}): Promise<{ stdout: string; stderr: string }> {
  const program = ['examples/typescript/worker.ts', url, 'examples/audio/lost-keys.wav', 'examples/audio/nowhere.wav'];
  return new Promise((resolve, reject) => {
    const options = { cwd: ROOT, env: { ...process.env, WORKER_ID: 'worker-1', ...environment } };
    execFile(process.execPath, program, options, (error, stdout, stderr) => {
      if (error) reject(error);
      else resolve({ stdout, stderr });
    });
  });
}

const DONE = 'lost-keys-wav';
const FAILED = 'nowhere-wav';

/** What every system that keeps only the last state must have in the end. */
function assertStates(told: readonly (Sighting | { why: string })[]): void {
  const sightings = new Map(told.map((one) => ['job_id' in one ? one.job_id : one.why, one as Sighting]));
  assert.deepEqual([...sightings.keys()].sort(), [DONE, FAILED]);
  const [done, failed] = [sightings.get(DONE)!, sightings.get(FAILED)!];
  assert.deepEqual([done.state, done.percentage, done.worker_id, done.error], ['COMPLETED', 100, 'worker-1', null]);
  assert.deepEqual([failed.state, failed.percentage, failed.worker_id], ['FAILED', 0, 'worker-1']);
  assert.match(failed.error!, /ENOENT/);
  for (const { started_ms, ended_ms } of [done, failed]) assert.ok(started_ms! > 0 && ended_ms! >= started_ms!);
}

/** What every system that keeps the events must have: in order, with each job's last progress before its end. */
function assertLines(lines: readonly string[]): void {
  const events = lines.map((line) => {
    const read = parseLogLine(line);
    assert.ok(read !== null && 'event' in read, line);
    return read;
  });
  const done = events.filter(({ job_id }) => job_id === DONE);
  assert.equal(done[0]?.event, 'JOB_START');
  assert.deepEqual(
    done.slice(-2).map(({ event, percentage }) => [event, percentage]),
    [
      ['JOB_PROGRESS', 100],
      ['JOB_COMPLETE', null],
    ],
  );
  assert.ok(done.at(-1)!.segments! > 0 && done.at(-1)!.duration! > 0);
  assert.deepEqual(
    events.filter(({ job_id }) => job_id === FAILED).map(({ event }) => event),
    ['JOB_START', 'JOB_FAILED'],
  );
}

/** A reporter, and a promise of its first warning. */
function openReporter(url: string, options: Partial<ReporterOptions> = {}) {
  const dropped: Dropped[] = [];
  const { promise: warned, resolve: warn } = Promise.withResolvers<string>();
  return {
    reporter: Reporter.fromUrl(url, {
      workerId: 'worker-1',
      spool: false,
      ...options,
      warn,
      onDropped: (one) => dropped.push(one),
    }),
    dropped,
    warned,
  };
}

/**
 * Reports the end of `job-newer`, then finds in the spool an old start of it and of `job-older`, made by an earlier
 * process of the same worker.
 */
async function reportWithOldSpool(url: string): Promise<void> {
  const { reporter } = openReporter(url);
  reporter.jobComplete('job-newer');
  assert.equal(await reporter.flush(30_000), true);
  await reporter.close();
  const old = new ReportWriter('worker-1', () => Date.UTC(2025, 6, 7));
  const lines = ['job-newer', 'job-older'].map((name, at) => spoolLine(at + 1, old.start(name, {})));
  const name = spoolName(spoolKey(url, 'worker-1'), nobody, '0a');
  mkdirSync(process.env.TMON_SPOOL!, { recursive: true });
  writeFileSync(join(process.env.TMON_SPOOL!, name), lines.join(''));
  const next = openReporter(url, { spool: process.env.TMON_SPOOL! }).reporter;
  assert.equal(await next.flush(30_000), true);
  await next.close();
  assert.deepEqual(readdirSync(process.env.TMON_SPOOL!), []);
}

const NEWER_AND_OLDER = { 'job-newer': 'COMPLETED', 'job-older': 'PROCESSING' };

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

describe('without any server', () => {
  test('[B126] [B127] log: prints JSON lines in order with the worker’s own', async () => {
    const { stdout, stderr } = await runWorker('log:');
    assertLines(linesOf(stdout));
    for (const line of linesOf(stdout)) assert.match(line, /^TRANSCRIPTION_EVENT \{"event": "JOB_/);
    assert.match(stdout, /"timestamp": "\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z"/);
    assert.equal(stderr, '');
  });

  test('[B119] [B120] [B121] [B122] log:?format=plain prints the plain form', async () => {
    const lines = linesOf((await runWorker('log:?format=plain')).stdout);
    assert.equal(lines[0], `JOB_START job_id=${DONE} worker_id=worker-1`);
    assert.match(lines[1]!, new RegExp(`^JOB_PROGRESS job_id=${DONE} percentage=[\\d.]+$`));
    assert.ok(lines.some((line) => new RegExp(`^JOB_COMPLETE job_id=${DONE} duration=[\\d.]+$`).test(line)));
    assert.match(lines.at(-1)!, new RegExp(`^JOB_FAILED job_id=${FAILED} error=ENOENT`));
  });

  test('log:PATH appends to a file, and waits for a missing folder', async () => {
    const file = join(folder, 'worker.log');
    await runWorker(`log:${file}`);
    await runWorker(`log:${file}`);
    assert.equal(linesOf(readFileSync(file, 'utf8')).filter((line) => line.includes('JOB_COMPLETE')).length, 2);
    const { reporter, dropped, warned } = openReporter(`log:${folder}/not/there.log`);
    reporter.jobStart('job-1');
    assert.match(await warned, /^transcription-monitor: log:.*there\.log: ENOENT.*create the folder first/);
    await reporter.close(0);
    assert.deepEqual([dropped.length, dropped[0]?.reason], [1, 'closed']);
  });

  test('a worker survives a closed standard output, and one that never calls close still reports', async () => {
    const reporter = fileURLToPath(new URL('reporter.ts', import.meta.url));
    const program = `
      import { Reporter } from ${JSON.stringify(reporter)};
      const reporter = Reporter.fromUrl(${JSON.stringify(`dir:${folder}/unclosed`)}, { workerId: 'w' });
      const log = Reporter.fromUrl('log:', { workerId: 'w' });
      process.stdin.resume();
      process.stdin.on('end', () => {
        for (let n = 0; n < 100; n += 1) log.jobStart('job-' + n);
        reporter.jobStart('job-1');
        reporter.jobProgress('job-1', 50);
      });
      console.log('ready');`;
    const child = execFile(process.execPath, ['--input-type=module', '-e', program]);
    let said = '';
    child.stderr!.on('data', (text: string) => {
      said += text;
    });
    await new Promise((resolve) => child.stdout!.once('data', resolve));
    child.stdout!.destroy();
    child.stdin!.end();
    assert.equal(await new Promise((resolve) => child.once('close', resolve)), 0, said);
    const file = JSON.parse(readFileSync(join(folder, 'unclosed/jobs/job-1.json'), 'utf8')) as StatusFile;
    assert.equal(file.percentage, 50);
  });

  test('the reporter names a missing package, and needs none itself', async () => {
    const alone = join(folder, 'alone');
    cpSync(join(ROOT, 'protocol'), join(alone, 'protocol'), { recursive: true });
    cpSync(join(ROOT, 'sdk/typescript'), join(alone, 'sdk/typescript'), { recursive: true });
    const program = `
      import { Reporter } from ${JSON.stringify(join(alone, 'sdk/typescript/reporter/reporter.ts'))};
      for (const url of process.argv.slice(1)) {
        try {
          const reporter = Reporter.fromUrl(url, { workerId: 'w' });
          reporter.jobStart('job-1');
          await reporter.close();
        } catch ({ message, hint }) {
          console.log(message + ': ' + hint);
        }
      }`;
    const urls = [
      'log:',
      'postgres://u:p@h/db',
      'mysql://h/db',
      's3://b',
      'dynamodb://jobs',
      'sqs://q',
      'cloudwatch-logs:///g',
    ];
    const said = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, ...urls]);
    const [line, ...missing] = linesOf(said.stdout);
    assert.match(line!, /^TRANSCRIPTION_EVENT \{"event": "JOB_START", "job_id": "job-1"/);
    assert.deepEqual(missing, [
      'postgres://u@h/db needs the package pg: npm install pg',
      'mysql://h/db needs the package mysql2: npm install mysql2',
      's3://b needs the package @aws-sdk/client-s3: npm install @aws-sdk/client-s3',
      'dynamodb://jobs needs the package @aws-sdk/client-dynamodb: npm install @aws-sdk/client-dynamodb',
      'sqs://q needs the package @aws-sdk/client-sqs: npm install @aws-sdk/client-sqs',
      'cloudwatch-logs:///g needs the package @aws-sdk/client-cloudwatch-logs: npm install @aws-sdk/client-cloudwatch-logs',
    ]);
  });

  test('dir: a report from a spool replaces no newer status file', async () => {
    const url = `dir:${folder}/late`;
    await reportWithOldSpool(url);
    const states = readdirSync(join(folder, 'late/jobs')).map((name) => {
      const file = JSON.parse(readFileSync(join(folder, 'late/jobs', name), 'utf8')) as StatusFile;
      return [file.job_id, file.status];
    });
    assert.deepEqual(Object.fromEntries(states), NEWER_AND_OLDER);
  });

  test('[B132] [B133] dir: keeps one status file per job, and nothing else', async () => {
    await runWorker(`dir:${folder}/status`);
    const files = readdirSync(join(folder, 'status', 'jobs'));
    assert.deepEqual(files.sort(), [`${DONE}.json`, `${FAILED}.json`]);
    assertStates(files.map((name) => readStatusFile(readFileSync(join(folder, 'status', 'jobs', name), 'utf8'), 0)));
  });
});

describe('AWS', () => {
  let moto: TestServer;
  const environment: Record<string, string> = {
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'eu-west-1',
  };
  before(async () => {
    moto = await startMoto();
    environment.AWS_ENDPOINT_URL = moto.endpoint;
    Object.assign(process.env, environment);
  });
  after(() => moto.stop());

  /** Reports one job to a system that can't be reached. */
  async function tryToTell(url: string): Promise<string> {
    const { reporter, warned } = openReporter(url);
    reporter.jobStart('job-1');
    const said = await warned;
    await reporter.close(0);
    return said;
  }

  test('[B118] [B126] cloudwatch-logs:// creates and writes a stream for the worker', async () => {
    const url = 'cloudwatch-logs:///aws/ec2/transcription';
    const logs = new CloudWatchLogsClient({});
    const logGroupName = '/aws/ec2/transcription';
    assert.match(
      await tryToTell(url),
      /log group \/aws\/ec2\/transcription does not exist \(aws logs create-log-group --log-group-name \/aws\/ec2\/transcription\)/,
    );
    await logs.send(new CreateLogGroupCommand({ logGroupName }));
    await runWorker(url);
    await runWorker(url, { WORKER_ID: 'worker:2' });
    const { events = [] } = await logs.send(new FilterLogEventsCommand({ logGroupName }));
    assert.deepEqual([...new Set(events.map(({ logStreamName }) => logStreamName))].sort(), ['worker-1', 'worker-2']);
    assertLines(events.filter(({ logStreamName }) => logStreamName === 'worker-1').map(({ message }) => message!));
  });

  test('a burst above the request limit of CloudWatch Logs, and a line above its event limit, are delivered', async () => {
    const logs = new CloudWatchLogsClient({});
    await logs.send(new CreateLogGroupCommand({ logGroupName: 'burst' }));
    const dropped: Dropped[] = [];
    const reporter = Reporter.fromUrl('cloudwatch-logs://burst/stream', {
      workerId: 'w',
      bufferMax: 50_000,
      onDropped: (one) => dropped.push(one),
    });
    for (let n = 0; n < 11_000; n += 1) reporter.jobStart(`job-${n}`, { audioUrl: `s3://audio/${'a'.repeat(100)}` });
    reporter.jobFailed('job-0', 'it broke', { extra: { trace: 'x'.repeat(300_000) } });
    await reporter.close(60_000);
    assert.deepEqual(dropped, []);
    let told = 0;
    let nextToken: string | undefined;
    do {
      const page = await logs.send(new FilterLogEventsCommand({ logGroupName: 'burst', nextToken }));
      told += page.events?.length ?? 0;
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    assert.equal(told, 11_001);
  });

  test('lines that CloudWatch Logs refuses are dropped, the others are delivered', async () => {
    const logs = new CloudWatchLogsClient({});
    await logs.send(new CreateLogGroupCommand({ logGroupName: 'odd-clock' }));
    const dropped: Dropped[] = [];
    let ahead_ms = 0;
    const reporter = Reporter.fromUrl('cloudwatch-logs://odd-clock', {
      workerId: 'w',
      clock: { now: () => Date.now() + ahead_ms, monotonic: () => performance.now(), after: later },
      onDropped: (one) => dropped.push(one),
      warn: () => {},
    });
    reporter.jobStart('job-now');
    ahead_ms = 5 * 3_600_000;
    reporter.jobStart('job-new');
    assert.equal(await reporter.flush(30_000), true);
    await reporter.close();
    assert.deepEqual(
      dropped.map(({ reason, event }) => [reason, event?.job_id]),
      [['refused', 'job-new']],
    );
    const { events = [] } = await logs.send(new FilterLogEventsCommand({ logGroupName: 'odd-clock' }));
    assert.deepEqual(
      events.map(({ message }) => /"job_id": "([^"]+)"/.exec(message!)?.[1]),
      ['job-now'],
    );
  });

  test('[B132] [B133] [B134] s3:// puts jobs/{job_id}.json into the bucket', async () => {
    assert.match(
      await tryToTell('s3://status-bucket'),
      /bucket status-bucket does not exist \(aws s3 mb s3:\/\/status-bucket\)/,
    );
    const s3 = new S3Client({ forcePathStyle: true });
    const Bucket = 'status-bucket';
    await s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } }));
    for (const [url, prefix] of [
      ['s3://status-bucket', ''],
      ['s3://status-bucket/team/a', 'team/a/'],
    ] as const) {
      await runWorker(url);
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: `${prefix}jobs/` }));
      const keys = Contents.map(({ Key }) => Key!);
      assert.deepEqual(keys, [`${prefix}jobs/${DONE}.json`, `${prefix}jobs/${FAILED}.json`]);
      const texts = keys.map(async (Key) =>
        (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToString(),
      );
      assertStates((await Promise.all(texts)).map((text) => readStatusFile(text, 0)));
    }
    await reportWithOldSpool('s3://status-bucket/late');
    for (const [job_id, status] of Object.entries(NEWER_AND_OLDER)) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: `late/jobs/${job_id}.json` }));
      assert.equal((JSON.parse(await Body!.transformToString()) as StatusFile).status, status);
    }
  });

  test('[B112] [B113] sqs:// sends one message per event, with the documented attributes', async () => {
    assert.match(
      await tryToTell('sqs://transcription-status'),
      /queue transcription-status does not exist \(aws sqs create-queue --queue-name transcription-status\)/,
    );
    const sqs = new SQSClient({});
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'transcription-status' }));
    const { QueueUrl: fifo } = await sqs.send(
      new CreateQueueCommand({ QueueName: 'in-order.fifo', Attributes: { FifoQueue: 'true' } }),
    );
    for (const [url, queue] of [
      ['sqs://transcription-status', QueueUrl!],
      [`sqs://${QueueUrl}`, QueueUrl!],
      ['sqs://in-order.fifo', fifo!],
    ] as const) {
      await runWorker(url);
      const messages = [];
      for (;;) {
        const { Messages = [] } = await sqs.send(
          new ReceiveMessageCommand({
            QueueUrl: queue,
            MaxNumberOfMessages: 10,
            VisibilityTimeout: 300,
            MessageAttributeNames: ['All'],
          }),
        );
        if (Messages.length === 0) break;
        messages.push(...Messages);
      }
      const attributes = messages[0]!.MessageAttributes!;
      assert.deepEqual(
        { ...attributes, StartTime: { ...attributes.StartTime, StringValue: '…' } },
        {
          JobId: { StringValue: DONE, DataType: 'String' },
          StartTime: { StringValue: '…', DataType: 'String' },
          WorkerId: { StringValue: 'worker-1', DataType: 'String' },
        },
      );
      assert.match(attributes.StartTime!.StringValue!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/);
      assertLines(messages.map(({ Body }) => `TRANSCRIPTION_EVENT ${Body}`));
    }
  });

  test('[B140] dynamodb:// updates the item of each job', async () => {
    assert.match(
      await tryToTell('dynamodb://job_status'),
      /table job_status does not exist \(tmon db init dynamodb:\/\/job_status\)/,
    );
    const dynamo = new DynamoDBClient({});
    await dynamo.send(new CreateTableCommand(dynamoCreateTable('job_status')));
    await runWorker('dynamodb://job_status');
    const scan = async (since_ms: number) =>
      ((await dynamo.send(new ScanCommand(dynamoSince('job_status', since_ms)))).Items ?? []).map((item) =>
        dynamoRow(item),
      );
    const items = await scan(0);
    assertStates(items.map((item) => readRow(item)));
    assert.deepEqual(Object.keys(items.find(({ job_id }) => job_id === FAILED)!).sort(), [
      'error_message',
      'job_id',
      'percentage',
      'started_at',
      'status',
      'updated_at',
      'worker_id',
    ]);
    assert.deepEqual(await scan(Date.now() + 60_000), []);
    // A later report of another worker takes the item over and clears its error; an earlier one does not.
    const clock = { now: () => Date.now() + 60_000, monotonic: () => performance.now(), after: later };
    const taker = Reporter.fromUrl('dynamodb://job_status', { workerId: 'worker-2', clock });
    taker.jobStart(FAILED);
    assert.equal(await taker.flush(), true);
    await taker.close();
    const late = Reporter.fromUrl('dynamodb://job_status', { workerId: 'worker-3' });
    late.jobFailed(FAILED, 'lost');
    assert.equal(await late.flush(), true);
    await late.close();
    await reportWithOldSpool('dynamodb://job_status');
    const states = (await scan(0)).map(({ job_id, status }) => [job_id, status]);
    const { 'job-newer': newer, 'job-older': older } = Object.fromEntries(states) as Record<string, string>;
    assert.deepEqual({ 'job-newer': newer, 'job-older': older }, NEWER_AND_OLDER);
    const [taken] = (await scan(0)).filter(({ job_id }) => job_id === FAILED);
    assert.deepEqual([taken?.status, taken?.worker_id, taken?.error_message], ['PROCESSING', 'worker-2', undefined]);
  });
});

const later = (delay_ms: number, run: () => void) => {
  const timer = setTimeout(run, delay_ms);
  return () => clearTimeout(timer);
};

describe('databases', () => {
  async function readTable(
    ask: (statement: string, values: number[]) => Promise<object[]>,
    dialect: 'postgres' | 'mysql' | 'sqlite',
  ): Promise<(Sighting | { why: string })[]> {
    return (await ask(JOB_STATUS_SQL[dialect].since, [0])).map((row) => readRow(row));
  }

  for (const { dialect, start, absent } of [
    { dialect: 'postgres' as const, start: startPostgresql, absent: postgresqlAbsent() },
    { dialect: 'mysql' as const, start: startMariadb, absent: mariadbAbsent() },
  ]) {
    describe(dialect, { skip: absent ?? false }, () => {
      let server: DatabaseServer;
      let url: string;
      before(async () => {
        server = await start();
        url = server.url;
      });
      after(() => server.stop());

      const ask = async (statement: string, values: number[] = []): Promise<object[]> => {
        if (dialect === 'postgres') {
          const client = new pg.Client({ connectionString: url });
          await client.connect();
          return (await client.query(statement, values).finally(() => client.end())).rows;
        }
        const connection = await createConnection(url);
        return (await connection.query(statement, values).finally(() => connection.end()))[0] as object[];
      };

      test('[B136] [B137] writes one row per job; reports wait until the table exists', async () => {
        const { reporter, warned } = openReporter(url);
        reporter.jobStart(FAILED);
        reporter.jobFailed(FAILED, 'ENOENT');
        const shown = url.replace(':secret', '').replaceAll('.', '\\.');
        assert.match(
          await warned,
          new RegExp(`${shown}: table job_status does not exist \\(tmon db init '${shown}'\\)`),
        );
        await ask(JOB_STATUS_SQL[dialect].create);
        assert.equal(await reporter.flush(30_000), true);
        await reporter.close();
        const [row] = (await readTable(ask, dialect)) as Sighting[];
        assert.deepEqual([row?.state, row?.error], ['FAILED', 'ENOENT']);
        await runWorker(url);
        assertStates(await readTable(ask, dialect));
      });

      test('a server that is killed and restarted gets every report', async () => {
        const reporter = Reporter.fromUrl(url, { workerId: 'worker-9', warn: () => {} });
        reporter.jobStart('job-away');
        assert.equal(await reporter.flush(30_000), true);
        await server.kill();
        reporter.jobProgress('job-away', 50);
        reporter.jobComplete('job-away');
        assert.equal(await reporter.flush(200), false);
        await server.start();
        assert.equal(await reporter.flush(60_000), true);
        await reporter.close();
        const row = ((await readTable(ask, dialect)) as Sighting[]).find(({ job_id }) => job_id === 'job-away');
        assert.deepEqual([row?.state, row?.percentage], ['COMPLETED', 100]);
      });

      test('a report from a spool replaces no newer row, not even of the same worker', async () => {
        await reportWithOldSpool(url);
        const rows = (await readTable(ask, dialect)) as Sighting[];
        const states = rows
          .filter(({ job_id }) => job_id in NEWER_AND_OLDER)
          .map(({ job_id, state }) => [job_id, state]);
        assert.deepEqual(Object.fromEntries(states), NEWER_AND_OLDER);
      });

      test('a row has the name of its job, or an id if the column can’t hold it', async () => {
        const { reporter, dropped } = openReporter(url);
        const long = 'j'.repeat(51);
        reporter.jobStart(long);
        reporter.jobStart('in/a b.wav');
        reporter.jobFailed('job-words', 'Größe 🎧 ungültig');
        assert.equal(await reporter.flush(30_000), true);
        await reporter.close();
        assert.deepEqual(dropped, []);
        const rows = (await ask('SELECT job_id, error_message FROM job_status')) as Record<string, string>[];
        const names = rows.map(({ job_id }) => job_id);
        assert.ok(names.includes('in/a b.wav') && names.includes(shortId(long, 50)), names.join(' '));
        assert.equal(rows.find(({ job_id }) => job_id === 'job-words')?.error_message, 'Größe 🎧 ungültig');
      });
    });
  }

  test('rows are written through PgBouncer with its default settings', {
    skip: postgresqlAbsent() ?? pgbouncerAbsent() ?? false,
  }, async (t) => {
    const server = await startPostgresql();
    t.after(() => server.stop());
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query(JOB_STATUS_SQL.postgres.create);
    const { reporter, dropped } = openReporter(await startPgbouncer(t, server.url));
    reporter.jobFailed('job-1', 'boom');
    assert.equal(await reporter.flush(30_000), true);
    await reporter.close();
    assert.deepEqual(dropped, []);
    const { rows } = await client.query('SELECT job_id, status FROM job_status').finally(() => client.end());
    assert.deepEqual(rows, [{ job_id: 'job-1', status: 'FAILED' }]);
  });

  test('a MariaDB table whose charset lacks characters gets a lossy text', {
    skip: mariadbAbsent() ?? false,
  }, async (t) => {
    const server = await startMariadb();
    t.after(() => server.stop());
    const connection = await createConnection(server.url);
    t.after(() => connection.end());
    await connection.query(
      'CREATE TABLE job_status (job_id VARCHAR(50) PRIMARY KEY, worker_id VARCHAR(50), status VARCHAR(20), started_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, percentage INT, error_message TEXT) CHARACTER SET latin1',
    );
    const { reporter, dropped } = openReporter(server.url);
    reporter.jobFailed('job-1', 'no 🎧');
    assert.equal(await reporter.flush(30_000), true);
    await reporter.close();
    assert.deepEqual(dropped, []);
    const [rows] = await connection.query('SELECT error_message FROM job_status');
    assert.equal((rows as { error_message: string }[])[0]?.error_message, 'no ?');
  });

  test('[B136] [B137] sqlite: waits for its table, and for other writers', async () => {
    const path = join(folder, 'jobs.db');
    const { reporter, warned } = openReporter(`sqlite:${path}`);
    reporter.jobStart('job-1');
    assert.match(await warned, /database .*jobs\.db does not exist \(tmon db init 'sqlite:.*jobs\.db'\)/);
    const database = new DatabaseSync(path);
    database.exec(JOB_STATUS_SQL.sqlite.create);
    database.exec('BEGIN EXCLUSIVE');
    assert.equal(await reporter.flush(100), false);
    database.exec('COMMIT');
    assert.equal(await reporter.flush(30_000), true);
    await reporter.close();
    const all = async () => database.prepare(JOB_STATUS_SQL.sqlite.since).all(0) as object[];
    assert.deepEqual(
      (await all()).map((row) => readRow(row)).map((row) => 'state' in row && row.state),
      ['PROCESSING'],
    );
    database.exec('DELETE FROM job_status');
    await reportWithOldSpool(`sqlite:${path}`);
    const states = (await readTable(all, 'sqlite')).map((row) => ('state' in row ? [row.job_id, row.state] : []));
    assert.deepEqual(Object.fromEntries(states), NEWER_AND_OLDER);
    database.exec('DELETE FROM job_status');
    await runWorker(`sqlite:${path}`);
    assertStates(await readTable(all, 'sqlite'));
    database.close();
  });
});

describe('a monitor', () => {
  test('http:// reports to it', async (t) => {
    const monitor = await openMonitor(t);
    await runWorker(monitor.url);
    const done = (await monitor.get<Job>(`/jobs/${DONE}`)).body;
    const failed = (await monitor.get<Job>(`/jobs/${FAILED}`)).body;
    assert.deepEqual([done.state, done.worker?.worker_id, failed.state], ['COMPLETED', 'worker-1', 'FAILED']);
    assert.match(failed.retry_info.last_error!.message, /ENOENT/);
  });

  test('a monitor that is away gets the reports once it is back, and a refused report is warned about', async (t) => {
    const objects = new MemoryStore(systemClock);
    const monitor = await openMonitor(t, { objects });
    const listen = new URL(monitor.url).host;
    const { job_id } = await submit(monitor);
    await monitor.stop();
    const { reporter, dropped, warned } = openReporter(monitor.url);
    reporter.jobStart('job-1');
    reporter.jobComplete('job-1');
    reporter.jobComplete(job_id);
    assert.match(await warned, /no response from .*connection refused/);
    const again = await openMonitor(t, { listen, objects });
    assert.equal(await reporter.flush(30_000), true);
    await reporter.close();
    assert.equal((await again.get<Job>('/jobs/job-1')).body.state, 'COMPLETED');
    assert.deepEqual(
      dropped.map(({ reason, why }) => [reason, why]),
      [['refused', `lease_required: ${job_id} is a job of this queue: send its lease_token`]],
    );
  });
});
