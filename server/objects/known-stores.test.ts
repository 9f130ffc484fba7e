/** Servers are recognised by how they identify themselves; the headers here are those that the real servers sent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { knownStore } from './known-stores.ts';

const at = (endpoint: string | null, headers: Record<string, string>) => knownStore({ endpoint, options: '', headers });
const HERE = 'http://127.0.0.1:9000';

const servers: [
  name: string | undefined,
  verdict: string | undefined,
  endpoint: string | null,
  Record<string, string>,
][] = [
  ['Amazon S3', 'good', null, { server: 'AmazonS3', 'x-amz-request-id': '5T1C6ZTM1Q6Q1S3B' }],
  ['Amazon S3', 'good', 'https://s3.eu-central-1.amazonaws.com', { server: 'AmazonS3' }],
  ['MinIO', 'good', HERE, { server: 'MinIO', 'x-amz-request-id': '18EBBA00CD27C0B4' }],
  ['versitygw', 'races', HERE, { server: 'VERSITYGW', 'x-amz-request-id': 'KZZTYK0VG62IUZWV' }],
  ['moto', 'bad', HERE, { server: 'Werkzeug/3.1.9 Python/3.11.7' }],
  ['moto, patched to serve one request at a time', 'good', HERE, { server: 'moto-one-at-a-time' }],
  ['s3proxy', 'bad', HERE, { server: 'Jetty(11.0.24)', 'x-amz-request-id': '4442587FB7D0A2F9' }],
  [
    'Adobe S3Mock',
    'bad',
    HERE,
    { vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers', connection: 'keep-alive' },
  ],
  // Other servers also identify as AmazonS3.
  [undefined, undefined, HERE, { server: 'AmazonS3', 'x-amz-request-id': '0000000000000001' }],
  [undefined, undefined, 'https://amazonaws.com.example.org', { server: 'AmazonS3' }],
  [undefined, undefined, null, { server: 'Unknown' }],
  [undefined, undefined, HERE, {}],
];

for (const [name, verdict, endpoint, headers] of servers) {
  test(`${headers.server ?? 'a server without a name'} at ${endpoint ?? "Amazon's endpoint"} is ${name ?? 'not known'}`, () => {
    const known = at(endpoint, headers);
    assert.deepEqual([known?.name, known?.verdict], [name, verdict]);
  });
}
