/** System URLs: what each form means. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameOfUrl, readSystemUrl, SystemUrlError } from './system-urls.ts';

test('each form maps to its system', () => {
  for (const [url, system] of [
    ['log:', { system: 'log', file: null, format: 'json' }],
    ['log:?format=plain', { system: 'log', file: null, format: 'plain' }],
    ['log:/var/log/worker.log', { system: 'log', file: '/var/log/worker.log', format: 'json' }],
    ['log:///var/log/worker.log', { system: 'log', file: '/var/log/worker.log', format: 'json' }],
    [
      'cloudwatch-logs:///aws/ec2/transcription',
      { system: 'cloudwatch-logs', group: '/aws/ec2/transcription', stream: null },
    ],
    [
      'cloudwatch-logs:///aws/ec2/transcription?stream=worker-1',
      { system: 'cloudwatch-logs', group: '/aws/ec2/transcription', stream: 'worker-1' },
    ],
    ['cloudwatch-logs://group/stream', { system: 'cloudwatch-logs', group: 'group', stream: 'stream' }],
    ['cloudwatch-logs://group/a/stream', { system: 'cloudwatch-logs', group: 'group', stream: 'a/stream' }],
    ['cloudwatch-logs://group', { system: 'cloudwatch-logs', group: 'group', stream: null }],
    ['s3://bucket', { system: 's3', bucket: 'bucket', prefix: '' }],
    ['s3://bucket/a/prefix/', { system: 's3', bucket: 'bucket', prefix: 'a/prefix/' }],
    ['dir:here', { system: 'dir', path: 'here' }],
    ['sqlite:jobs.db', { system: 'sqlite', path: 'jobs.db' }],
    ['sqlite:///var/jobs.db', { system: 'sqlite', path: '/var/jobs.db' }],
    ['postgresql://u:p@h/db', { system: 'postgres', url: 'postgresql://u:p@h/db' }],
    ['mariadb://u:p@h/db', { system: 'mysql', url: 'mysql://u:p@h/db' }],
    ['dynamodb://job_status', { system: 'dynamodb', table: 'job_status' }],
    ['sqs://jobs', { system: 'sqs', queue: 'jobs', queue_url: null }],
    ['sqs://jobs.fifo', { system: 'sqs', queue: 'jobs.fifo', queue_url: null }],
    [
      'sqs://http://127.0.0.1:5000/123/jobs',
      { system: 'sqs', queue: null, queue_url: 'http://127.0.0.1:5000/123/jobs' },
    ],
    [
      'sqs://sqs.eu-west-1.amazonaws.com/123456789012/jobs',
      { system: 'sqs', queue: null, queue_url: 'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs' },
    ],
    ['https://monitor.example.com', { system: 'monitor', url: 'https://monitor.example.com' }],
  ] as const) {
    assert.deepEqual(readSystemUrl(url), system, url);
  }
});

test('the error for an unsupported URL shows supported ones', () => {
  for (const url of [
    '',
    'postgres',
    'ftp://host',
    's3://',
    's3:bucket',
    'dir:',
    'sqlite:',
    'dynamodb://x',
    'sqs://a b',
    'http:',
    'log:?format=xml',
    'cloudwatch-logs://',
  ]) {
    assert.throws(
      () => readSystemUrl(url),
      (error: unknown) => error instanceof SystemUrlError && error.hint !== '',
      url,
    );
  }
});

test('a displayed URL contains no secret', () => {
  for (const [url, shown] of [
    ['postgres://u:p@ss@h/db', 'postgres://u@h/db'],
    ['postgres://u@h/db?password=p&sslmode=require', 'postgres://u@h/db?password=…&sslmode=require'],
    ['https://:key@h', 'https://h'],
    ['sqlite:/a@b.db', 'sqlite:/a@b.db'],
    ['s3://bucket/a@b', 's3://bucket/a@b'],
  ] as const) {
    assert.equal(nameOfUrl(url), shown);
  }
});
