import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { runTmon, temporaryDirectory } from '../../test/processes/tmon.ts';
import { motoCredentials, startMoto } from '../../test/servers/moto.ts';
import type { TestServer } from '../../test/servers/start.ts';
import { awsCliEnvironment } from '../../test/setup/aws-cli.ts';
import { type Query, queriesOf } from './queries.ts';

const GROUP = '/aws/ec2/transcription';
const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

const printed = (view: string): Query[] => queriesOf(view, []).filter(({ form }) => form === 'as_printed');

test('[B123] the query of starts per 5 minutes is there as printed, and says what it counts', () => {
  const [query] = printed('rate');
  assert.equal(query!.language, 'logs_insights');
  assert.equal(
    query!.text,
    'fields @timestamp, @message\n| filter @message like /JOB_START/\n| stats count() by bin(5m)',
  );
});

test('[B124] the query of failures is there as printed', () => {
  const query = printed('failures').find(({ language }) => language === 'logs_insights');
  // With the two blanks that end its first line.
  assert.equal(
    query!.text,
    'fields @timestamp, @message  \n| filter @message like /JOB_FAILED/\n| sort @timestamp desc',
  );
});

test('[B128] the command "check stuck" is there as printed, and says that it finds no stuck job', () => {
  const [query] = printed('stuck');
  assert.equal(
    query!.text,
    [
      'aws logs filter-log-events \\',
      '  --log-group-name /aws/ec2/transcription \\',
      "  --start-time $(date -d '30 minutes ago' +%s)000 \\",
      '  --filter-pattern "JOB_START" \\',
      "  --query 'events[*].message'",
    ].join('\n'),
  );
  assert.match(query!.says, /^NOT stuck jobs/);
  assert.doesNotMatch(query!.name, /stuck/);
});

test('[B129] the command "failure count" is there as printed, and says that it is no rate', () => {
  const query = printed('failures').find(({ language }) => language === 'shell');
  assert.equal(
    query!.text,
    [
      'aws logs filter-log-events \\',
      '  --log-group-name /aws/ec2/transcription \\',
      "  --start-time $(date -d '1 hour ago' +%s)000 \\",
      '  --filter-pattern "JOB_FAILED" \\',
      "  --query 'length(events)'",
    ].join('\n'),
  );
  assert.match(query!.says, /^NOT a failure rate/);
});

test('corrected queries come before those as printed, and are of the group that is named', async (t) => {
  for (const view of ['watch', 'jobs', 'stuck', 'failures', 'rate']) {
    const forms = queriesOf(view, []).map(({ form }) => form);
    assert.doesNotMatch(forms.join(), /as_printed,corrected/);
    assert.equal(forms[0], 'corrected');
    for (const { form, language, text } of queriesOf(view, ['cloudwatch-logs:///my/group'])) {
      if (language === 'shell') assert.equal(text.includes('/my/group'), form === 'corrected');
    }
  }
  const { stdout, code } = await runTmon(t, ['logs', 'stuck', '--print-query']);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /# starts of the last 30 minutes \(as printed in the design document, in a shell\)\n# NOT stuck jobs/,
  );
});

const directory = temporaryDirectory({ after });
let moto: TestServer;
let environment: Record<string, string>;

before(async () => {
  moto = await startMoto();
  const { bin } = await ensurePythonEnvironment(awsCliEnvironment);
  writeFileSync(join(directory, 'tmon'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  chmodSync(join(directory, 'tmon'), 0o755);
  environment = {
    PATH: [bin, directory, process.env.PATH].join(delimiter),
    AWS_ENDPOINT_URL: moto.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: motoCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: motoCredentials.secretAccessKey,
    AWS_PAGER: '',
    HOME: directory,
  };
  const client = new CloudWatchLogsClient({
    region: 'us-east-1',
    endpoint: moto.endpoint,
    credentials: motoCredentials,
  });
  const stream = { logGroupName: GROUP, logStreamName: 'worker-1' };
  await client.send(new CreateLogGroupCommand({ logGroupName: GROUP }));
  await client.send(new CreateLogStreamCommand(stream));
  const now_ms = Date.now();
  const logEvents = [
    [-3 * 3600, 'JOB_START job_id=job-stuck worker_id=worker-1'],
    [-50 * 60, 'TRANSCRIPTION_EVENT {"event": "JOB_START", "job_id": "job-bad", "worker_id": "worker-2"}'],
    [
      -40 * 60,
      'TRANSCRIPTION_EVENT {"event": "JOB_FAILED", "job_id": "job-bad", "worker_id": "worker-2", "error": "GPU out of memory"}',
    ],
    [-25 * 60, 'JOB_START job_id=job-done worker_id=worker-3'],
    [-10 * 60, 'JOB_COMPLETE job_id=job-done duration=900'],
  ].map(([seconds, message]) => ({ timestamp: now_ms + Number(seconds) * 1000, message: String(message) }));
  await client.send(new PutLogEventsCommand({ ...stream, logEvents }));
  client.destroy();
});

after(() => moto?.stop());

/** In a shell, with `aws` and `tmon` on its path, as a person would. */
function inShell(text: string): Promise<{ stdout: string; stderr: string; code: number }> {
  return new Promise((resolve) => {
    execFile('bash', ['-c', text], { env: { ...process.env, ...environment } }, (error, stdout, stderr) =>
      resolve({ stdout, stderr, code: Number(error?.code ?? 0) }),
    );
  });
}

const shell = (view: string, form: Query['form']): string =>
  queriesOf(view, []).find((query) => query.language === 'shell' && query.form === form)!.text;

const noGnuDate = spawnSync('date', ['-d', '1 hour ago']).status === 0 ? false : 'they need GNU date, for date -d';

test('[B128] [B129] the commands as printed run, and answer what we say of them', { skip: noGnuDate }, async () => {
  const starts = await inShell(shell('stuck', 'as_printed'));
  assert.equal(starts.code, 0, starts.stderr);
  // The job that is stuck is not there, one that has ended is.
  assert.deepEqual(JSON.parse(starts.stdout), ['JOB_START job_id=job-done worker_id=worker-3']);
  const failures = await inShell(shell('failures', 'as_printed'));
  assert.equal(failures.stdout.trim(), '1', failures.stderr);
});

test('[D15] [D16] the corrected commands find the stuck job, the failure and its rate, and the starts', async () => {
  const stuck = await inShell(shell('stuck', 'corrected'));
  assert.match(stuck.stdout, /^job-stuck\t/, stuck.stderr);
  assert.equal(stuck.stdout.trim().split('\n').length, 1);
  assert.equal(stuck.code, 1);
  const failures = await inShell(shell('failures', 'corrected'));
  assert.match(failures.stdout, /\tjob-bad\tworker-2\tGPU out of memory\n$/, failures.stderr);
  assert.match(failures.stderr, /50% failed: 1 failed, 1 completed/);
  const rate = await inShell(shell('rate', 'corrected'));
  const starts = rate.stdout
    .trim()
    .split('\n')
    .map((line) => Number(line.split('\t')[1]));
  assert.equal(
    starts.reduce((sum, count) => sum + count, 0),
    3,
    rate.stderr,
  );
  const jobs = await inShell(shell('jobs', 'corrected'));
  assert.deepEqual(
    jobs.stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t').slice(0, 2).join(' ')),
    ['job-done COMPLETED', 'job-bad FAILED', 'job-stuck PROCESSING'],
  );
});

test('[B118] tmon logs reads the group itself, and says the same', async () => {
  const url = `cloudwatch-logs://${GROUP}`;
  const stuck = await inShell(`tmon logs stuck --json ${url}`);
  assert.equal(stuck.code, 1, stuck.stderr);
  assert.deepEqual(
    JSON.parse(stuck.stdout).stuck.map(({ job_id }: { job_id: string }) => job_id),
    ['job-stuck'],
  );
  const failures = JSON.parse((await inShell(`tmon logs failures --json ${url}`)).stdout);
  assert.equal(failures.failure_rate, 0.5);
  assert.equal(failures.failures[0].error, 'GPU out of memory');
  const missing = await inShell('tmon logs jobs cloudwatch-logs:///no/such/group');
  assert.equal(missing.code, 4);
  assert.match(
    missing.stderr,
    /log group \/no\/such\/group does not exist\nhint: aws logs create-log-group --log-group-name \/no\/such\/group\n$/,
  );
});
