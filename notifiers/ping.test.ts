import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { CheckDocument } from '../protocol/check.ts';
import { serveHttp } from '../test/servers/serve-http.ts';
import { openPing, pingOf } from './ping.ts';

const { signal } = new AbortController();
const document = (verdict: CheckDocument['verdict']) => ({ verdict, says: `${verdict}: so` }) as CheckDocument;
const pinged = (url: string, verdict: CheckDocument['verdict']) => {
  const request = pingOf(new URL(url), document(verdict), 'the report');
  return request && `${request.body === undefined ? 'GET' : 'POST'} ${request.url.href}`;
};

test('a service that takes failures is pinged with them, in its own way; any other only when all is well', () => {
  const healthchecks = 'https://hc-ping.com/3f2504e0';
  assert.deepEqual(
    [pinged(healthchecks, 'well'), pinged(healthchecks, 'wrong')],
    [`POST ${healthchecks}`, `POST ${healthchecks}/fail`],
  );
  assert.equal(pinged(`${healthchecks}?rid=1`, 'unknown'), `POST ${healthchecks}/fail?rid=1`);
  assert.equal(
    pinged('https://checks.example.com/ping/3f2504e0/', 'wrong'),
    'POST https://checks.example.com/ping/3f2504e0/fail',
  );
  assert.equal(
    pinged('https://cronitor.link/p/key/name', 'wrong'),
    'GET https://cronitor.link/p/key/name?state=fail&message=wrong%3A+so',
  );
  assert.equal(
    pinged('https://cronitor.link/p/key/name', 'well'),
    'GET https://cronitor.link/p/key/name?state=complete&message=well%3A+so',
  );
  assert.equal(
    pinged('http://kuma:3001/api/push/token?ping=', 'wrong'),
    'GET http://kuma:3001/api/push/token?ping=&status=down&msg=wrong%3A+so',
  );
  assert.deepEqual(
    [pinged('https://nosnch.in/c2354d53d2', 'well'), pinged('https://nosnch.in/c2354d53d2', 'wrong')],
    ['GET https://nosnch.in/c2354d53d2', null],
  );
});

test('a ping is repeated after a failure of the service, and a refused one is reported without its secret', async (t) => {
  const statuses = [503, 200, 404];
  const { url, requests } = await start(t, () => statuses.shift() ?? 500);
  await openPing(`${url}/ping/secret`).send(document('well'), 'the report', signal);
  assert.deepEqual(requests, ['POST /ping/secret the report', 'POST /ping/secret the report']);
  await assert.rejects(openPing(`${url}/ping/secret`).send(document('wrong'), 'the report', signal), (error: Error) => {
    return /was not pinged: HTTP 404/.test(error.message) && !error.message.includes('secret');
  });
  assert.equal(requests.at(-1), 'POST /ping/secret/fail the report');
});

test('anything but a URL is refused', () => {
  for (const wrong of ['hc-ping.com/x', 'ftp://x/y', '']) assert.throws(() => openPing(wrong), /must be https:/);
});

async function start(t: TestContext, status: () => number) {
  const requests: string[] = [];
  const { endpoint: url, stop } = await serveHttp(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    requests.push(`${request.method} ${request.url} ${body}`.trim());
    response.writeHead(status()).end();
  });
  t.after(stop);
  return { url, requests };
}
