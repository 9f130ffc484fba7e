/**
 * Behaviour specific to buckets: which failures are unknown and which refused, retries, clocks, the AWS chain,
 * lifecycle rules.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PutBucketLifecycleConfigurationCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createBucket, testBucket } from '../../test/conformance/object-store-s3.ts';
import { motoCredentials, startMoto } from '../../test/servers/moto.ts';
import { freePort, type TestServer } from '../../test/servers/start.ts';
import { systemClock } from '../clock.ts';
import { TurnedClock } from '../testing-clock.ts';
import { openStore } from './open-store.ts';
import { S3Store, type S3StoreOptions } from './s3.ts';
import { StoreError } from './store.ts';

const bytes = new Uint8Array([1, 2, 3]);
const date = 'Sat, 21 Nov 2026 18:00:00 GMT';
const date_ms = Date.parse(date);

type ScriptedResponse = { status: number; code?: string; headers?: Record<string, string>; body?: string };

describe('a response of S3', () => {
  const responses: [ScriptedResponse, kind: 'unavailable' | 'refused', code: string][] = [
    [{ status: 409, code: 'ConditionalRequestConflict' }, 'unavailable', 'store_unavailable'],
    [{ status: 429, code: 'TooManyRequests' }, 'unavailable', 'store_unavailable'],
    [{ status: 500, code: 'InternalError' }, 'unavailable', 'store_unavailable'],
    [{ status: 503, code: 'SlowDown' }, 'unavailable', 'store_unavailable'],
    [{ status: 502, body: '<html>a proxy</html>' }, 'unavailable', 'store_unavailable'],
    [{ status: 400, code: 'RequestTimeout' }, 'unavailable', 'store_unavailable'],
    [{ status: 400, code: 'ExpiredToken' }, 'unavailable', 'store_unavailable'],
    [{ status: 403, code: 'RequestTimeTooSkewed' }, 'unavailable', 'store_unavailable'],
    [{ status: 403, code: 'AccessDenied' }, 'refused', 'store_denied'],
    [{ status: 403, code: 'InvalidAccessKeyId' }, 'refused', 'store_denied'],
    [{ status: 403, code: 'QuotaExceeded' }, 'refused', 'store_full'],
    [{ status: 400, code: 'InvalidRequest' }, 'refused', 'store_refused'],
    [{ status: 404, code: 'NoSuchBucket' }, 'refused', 'store_no_bucket'],
    [{ status: 501, code: 'NotImplemented' }, 'refused', 'store_refused'],
    [{ status: 507, code: 'XMinioStorageFull' }, 'refused', 'store_full'],
  ];
  for (const [scripted, kind, code] of responses) {
    test(`${scripted.status} ${scripted.code ?? 'of a proxy'} to a put-if-absent is ${kind}, and is sent once`, async () => {
      await withServer(always(scripted), async (store, requests) => {
        await assert.rejects(store.putIfAbsent('a', bytes), (error) => {
          assert.ok(error instanceof StoreError);
          assert.deepEqual([error.kind, error.code], [kind, code]);
          assert.match(error.message, /^s3:\/\/bucket\/prefix\/a: /);
          if (kind === 'refused') assert.ok(error.hint);
          return true;
        });
        assert.equal(requests.length, 1);
        assert.equal(requests[0]!.headers['if-none-match'], '*');
      });
    });
  }

  const hints: [ScriptedResponse, hint: RegExp][] = [
    [{ status: 403, code: 'InvalidAccessKeyId' }, /correct the access key/],
    [{ status: 403, code: 'SignatureDoesNotMatch' }, /AWS_SECRET_ACCESS_KEY/],
    [{ status: 403, code: 'RequestTimeTooSkewed' }, /clock/],
    [{ status: 400, code: 'ExpiredToken' }, /renew the credentials/],
    [{ status: 503, code: 'SlowDown' }, /try later/],
    [{ status: 403, code: 'AccessDenied' }, /s3:GetObject.*s3_sse/],
    [
      { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-central-1' } },
      /AWS_REGION=eu-central-1/,
    ],
    [
      { status: 400, body: '<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>' },
      /AWS_REGION=eu-west-3/,
    ],
    [{ status: 301, code: 'PermanentRedirect' }, /set AWS_REGION/],
  ];
  for (const [scripted, hint] of hints) {
    test(`${scripted.status} ${scripted.code ?? 'with a region'} has its own hint: ${hint.source}`, async () => {
      await withServer(always(scripted), async (store) => {
        await assert.rejects(store.get('a'), (error) => {
          assert.ok(error instanceof StoreError);
          assert.match(error.hint ?? '', hint);
          assert.doesNotMatch(error.hint ?? '', /tmon doctor/, 'doctor must not send its reader to doctor');
          return true;
        });
      });
    });
  }

  test('is requested with the configured headers, on every request that takes them', async () => {
    const listed = always({ status: 200, body: '<?xml version="1.0"?><ListBucketResult/>' });
    const headers = { requester_pays: true, sse: 'aws:kms', sse_kms_key_id: 'key-1' };
    await withServer(
      listed,
      async (store, requests) => {
        await store.putIfAbsent('a', bytes);
        await store.put('a', bytes);
        await store.race('a', [bytes]);
        const writes = requests.length;
        await store.get('a');
        await Array.fromAsync(store.list(''));
        await store.delete('a');
        for (const [i, { headers }] of requests.entries()) {
          assert.equal(headers['x-amz-request-payer'], 'requester');
          assert.equal(headers['x-amz-server-side-encryption'], i < writes ? 'aws:kms' : undefined);
          assert.equal(headers['x-amz-server-side-encryption-aws-kms-key-id'], i < writes ? 'key-1' : undefined);
        }
        assert.equal(requests.length, 6);
      },
      { headers },
    );
  });

  test("200 is created, 412 is not; each with the store's time", async () => {
    await withServer(always({ status: 200 }), async (store) => {
      assert.deepEqual(await store.putIfAbsent('a', bytes), { created: true, server_ms: date_ms });
    });
    await withServer(always({ status: 412, code: 'PreconditionFailed' }), async (store) => {
      assert.deepEqual(await store.putIfAbsent('a', bytes), { created: false, server_ms: date_ms });
    });
  });

  test('404 is not found, with its time', async () => {
    await withServer(always({ status: 404, code: 'NoSuchKey' }), async (store) => {
      assert.deepEqual(await store.get('a'), { found: false, server_ms: date_ms });
    });
  });

  test('503 is tried three times, except for put-if-absent', async () => {
    await withServer(always({ status: 503, code: 'SlowDown' }), async (store, requests) => {
      await assert.rejects(store.get('a'), { kind: 'unavailable' });
      assert.equal(requests.length, 3);
      await assert.rejects(store.put('a', bytes), { kind: 'unavailable' });
      assert.equal(requests.length, 6);
      await assert.rejects(Array.fromAsync(store.list('')), { kind: 'unavailable' });
      assert.equal(requests.length, 9);
    });
  });

  test('without a Date is refused, because the journal needs it', async () => {
    await withServer(always({ status: 200, headers: { date: '' } }), async (store) => {
      await assert.rejects(store.putIfAbsent('a', bytes), { kind: 'refused', code: 'store_no_clock' });
      await assert.rejects(store.get('a'), { kind: 'refused', code: 'store_no_clock' });
    });
  });

  test('that is cut short is unavailable, not a short object', async () => {
    const short = (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { 'content-length': '100', 'last-modified': date });
      response.write('ten bytes.', () => response.destroy());
    };
    await withServer(short, async (store) => {
      await assert.rejects(store.get('a'), { kind: 'unavailable' });
    });
  });

  test('that never arrives is a timeout, and unavailable', async () => {
    await withServer(
      () => {},
      async (store, requests) => {
        await assert.rejects(store.putIfAbsent('a', bytes), { kind: 'unavailable', code: 'store_timeout' });
        assert.equal(requests.length, 1);
        await assert.rejects(store.get('a'), { kind: 'unavailable', code: 'store_timeout' });
      },
      { attempt_timeout_ms: 100 },
    );
  });

  test('whose body never ends is abandoned', async () => {
    const stalls = (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { 'content-length': '100', 'last-modified': date });
      response.write('ten bytes.');
    };
    await withServer(
      stalls,
      async (store) => {
        await assert.rejects(store.get('a'), { kind: 'unavailable' });
      },
      { attempt_timeout_ms: 100 },
    );
  });

  test('from no server at all is unavailable', async () => {
    const store = await openAt(`http://127.0.0.1:${await freePort()}`);
    await assert.rejects(store.putIfAbsent('a', bytes), { kind: 'unavailable', code: 'store_unavailable' });
    await store.close();
  });

  test('with an unordered list is refused', async () => {
    const keys = ['prefix/b', 'prefix/a'].map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('');
    const body = `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>${keys}</ListBucketResult>`;
    await withServer(always({ status: 200, body }), async (store) => {
      await assert.rejects(Array.fromAsync(store.list('')), { kind: 'refused', code: 'store_unordered' });
    });
  });

  test('to a put needs nothing that clones of S3 do not support', async () => {
    await withServer(always({ status: 200 }), async (store, requests) => {
      await store.putIfAbsent('a', new Uint8Array(3 * 1024 * 1024));
      const { headers, url } = requests[0]!;
      assert.equal(url?.split('?')[0], '/bucket/prefix/a', 'path style');
      for (const name of ['expect', 'x-amz-trailer', 'x-amz-sdk-checksum-algorithm', 'x-amz-checksum-crc32']) {
        assert.equal(headers[name], undefined, name);
      }
      assert.match(String(headers['x-amz-content-sha256']), /^[0-9a-f]{64}$/, 'its bytes are signed all the same');
    });
  });
});

describe('a bucket on moto_server', () => {
  let moto: TestServer;
  before(async () => {
    moto = await startMoto();
    await createBucket(moto.endpoint, motoCredentials);
  });
  after(() => moto.stop());

  test('[A1] endpoint, credentials and region come from the AWS chain', async () => {
    await withEnvironment(
      { AWS_ENDPOINT_URL_S3: moto.endpoint, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
      async () => {
        const store = await openStore(`s3://${testBucket}/chain`, { clock: systemClock, lock: true });
        assert.equal((await store.putIfAbsent('a', bytes)).created, true);
        assert.ok((await store.get('a')).found);
        await store.close();
      },
    );
  });

  test('rejected credentials are read again from the shared file, and the same request continues', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tmon-credentials-'));
    const file = join(directory, 'credentials');
    const write = (key: string) =>
      writeFile(file, `[default]\naws_access_key_id = ${key}\naws_secret_access_key = secret-of-${key}\n`);
    let taken = 'old';
    const seen: string[] = [];
    const server = createServer((request, response) => {
      const key = /Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '';
      seen.push(key);
      const scripted = key === taken ? { status: 200 } : { status: 400, code: 'ExpiredToken' };
      always(scripted)(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const endpoint = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    const clock = new TurnedClock('2026-11-21T18:00:00Z');
    try {
      await write('old');
      await withEnvironment({ AWS_SHARED_CREDENTIALS_FILE: file, AWS_REGION: 'us-east-1' }, async () => {
        const store = await S3Store.open({ bucket: 'bucket', prefix: '', client: { endpoint }, clock });
        assert.equal((await store.putIfAbsent('a', bytes)).created, true);
        taken = 'new';
        await assert.rejects(store.putIfAbsent('b', bytes), { kind: 'unavailable' });
        assert.deepEqual(seen, ['old', 'old'], 'the file still has the old ones');
        await write('new');
        await assert.rejects(store.putIfAbsent('b', bytes), { kind: 'unavailable' });
        assert.equal(seen.at(-1), 'old', 'the file is not read again at once');
        await clock.turn(2_000);
        assert.equal((await store.putIfAbsent('b', bytes)).created, true);
        assert.ok((await store.get('b')).found);
        assert.deepEqual(seen.slice(3), ['old', 'new', 'new']);
        await store.close();
      });
    } finally {
      server.closeAllConnections();
      server.close();
      await rm(directory, { recursive: true });
    }
  });

  test('no credentials anywhere: refused, with the variables to set', async () => {
    await withEnvironment({ AWS_ENDPOINT_URL: moto.endpoint, AWS_EC2_METADATA_DISABLED: 'true' }, async () => {
      const store = await openStore(`s3://${testBucket}/chain`, { clock: systemClock, lock: true });
      await assert.rejects(store.get('a'), (error) => {
        assert.ok(error instanceof StoreError);
        assert.deepEqual([error.kind, error.code], ['refused', 'store_no_credentials']);
        assert.match(error.hint ?? '', /AWS_ACCESS_KEY_ID/);
        return true;
      });
      await store.close();
    });
  });

  test('that does not exist is refused by every operation', async () => {
    const store = await S3Store.open({ bucket: 'no-such-bucket', prefix: '', client: clientOf(moto.endpoint) });
    const refused = { kind: 'refused', code: 'store_no_bucket' };
    await assert.rejects(store.get('a'), refused);
    await assert.rejects(store.putIfAbsent('a', bytes), refused);
    await assert.rejects(store.put('a', bytes), refused);
    await assert.rejects(store.delete('a'), refused);
    await assert.rejects(Array.fromAsync(store.list('')), refused);
    await store.close();
  });

  test('foreign objects beside ours are not listed', async () => {
    const store = await S3Store.open({ bucket: testBucket, prefix: 'ours', client: clientOf(moto.endpoint) });
    const other = new S3Client({ ...clientOf(moto.endpoint), forcePathStyle: true });
    for (const Key of ['ours/', 'ours/folder/', 'ours/with space', 'ours-not/a', 'ours/.hidden', 'ours/kept']) {
      await other.send(new PutObjectCommand({ Bucket: testBucket, Key, Body: 'x' }));
    }
    const listed = await Array.fromAsync(store.list(''));
    assert.deepEqual(
      listed.map((object) => object.key),
      ['kept'],
    );
    other.destroy();
    await store.close();
  });

  test('whose lifecycle rules reach the journal fails the store check; other rules pass', async () => {
    const store = await S3Store.open({ bucket: testBucket, prefix: 'monitor', client: clientOf(moto.endpoint) });
    const admin = new S3Client({ ...clientOf(moto.endpoint), forcePathStyle: true });
    const days = { Expiration: { Days: 30 } };
    const cases = [
      [{ Filter: { Prefix: 'monitor/journal/' }, ...days }, 'fail'],
      [{ Filter: { Prefix: 'mon' }, ...days }, 'fail'],
      [{ Filter: { Prefix: '' }, ...days }, 'fail'],
      [{ Filter: { Prefix: 'monitor/snapshots/0' }, ...days }, 'fail'],
      [{ Filter: { Prefix: 'monitor/archive/' }, ...days }, 'fail'],
      [{ Filter: { Prefix: 'monitor/meta/' }, ...days }, 'fail'],
      [{ Filter: { Prefix: '' }, Transitions: [{ Days: 30, StorageClass: 'GLACIER' as const }] }, 'fail'],
      [{ Filter: { Prefix: 'monitor/jobs/completed/' }, ...days }, 'pass'],
      [{ Filter: { Prefix: 'other/' }, ...days }, 'pass'],
      [{ Filter: { Prefix: '' }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } }, 'pass'],
      [{ Filter: { Prefix: '' }, ...days, Status: 'Disabled' as const }, 'pass'],
    ] as const;
    for (const [rule, verdict] of cases) {
      const Rules = [{ ID: 'tidy', Status: 'Enabled' as const, ...rule }];
      const LifecycleConfiguration = { Rules: Rules.map((each) => structuredClone(each) as never) };
      await admin.send(new PutBucketLifecycleConfigurationCommand({ Bucket: testBucket, LifecycleConfiguration }));
      const [finding] = await store.inspect();
      assert.equal(finding?.verdict, verdict, JSON.stringify(rule));
      if (verdict === 'fail') assert.match(finding.says, /rule tidy \(.*\) deletes or archives what the monitor needs/);
    }
    admin.destroy();
    await store.close();
  });
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

function always(scripted: ScriptedResponse): Handler {
  const xml = `<?xml version="1.0"?><Error><Code>${scripted.code}</Code><Message>words</Message></Error>`;
  const body = scripted.body ?? (scripted.code ? xml : '');
  return (request, response) => {
    request.resume().on('end', () => {
      response.sendDate = false;
      response.writeHead(scripted.status, {
        'last-modified': date,
        'content-type': 'application/xml',
        date,
        ...scripted.headers,
      });
      response.end(body);
    });
  };
}

/** An HTTP server with this handler. */
async function withServer(
  handler: Handler,
  run: (store: S3Store, requests: IncomingMessage[]) => Promise<void>,
  options: Pick<S3StoreOptions, 'attempt_timeout_ms' | 'headers'> = {},
): Promise<void> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    handler(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const store = await openAt(`http://127.0.0.1:${(server.address() as { port: number }).port}`, options);
  try {
    await run(store, requests);
  } finally {
    await store.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
}

function openAt(
  endpoint: string,
  options: Pick<S3StoreOptions, 'attempt_timeout_ms' | 'headers'> = {},
): Promise<S3Store> {
  return S3Store.open({ bucket: 'bucket', prefix: 'prefix', client: clientOf(endpoint), ...options });
}

function clientOf(endpoint: string) {
  return { endpoint, region: 'us-east-1', credentials: motoCredentials };
}

/** Runs with these AWS variables and no others. */
async function withEnvironment(variables: Record<string, string>, run: () => Promise<void>): Promise<void> {
  const before = { ...process.env };
  for (const name of Object.keys(before)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, { AWS_CONFIG_FILE: '/nowhere', AWS_SHARED_CREDENTIALS_FILE: '/nowhere' }, variables);
  try {
    await run();
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  }
}
