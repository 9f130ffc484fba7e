/** Reports to logs and folders, which need no server. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readStatusFile, type StatusFile } from '../../../protocol/status-file.ts';
import {
  assertLines,
  assertStates,
  DONE,
  FAILED,
  folder,
  linesOf,
  NEWER_AND_OLDER,
  openReporter,
  ROOT,
  reportWithOldSpool,
  runWorker,
} from './testing-sinks.ts';

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
