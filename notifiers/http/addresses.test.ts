/** [S15] A corpus of ways to write a forbidden address: each is refused, and nothing that listens there is reached. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { serveHttp } from '../../test/servers/serve-http.ts';
import { refusedAddress, refusedHost } from './addresses.ts';
import { AddressRefused, send } from './send.ts';

const FORBIDDEN = readFileSync(new URL('testdata/forbidden-urls.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n');

test('[S15] every encoding of a forbidden address in the corpus is no URL, or is refused', () => {
  assert.ok(new Set(FORBIDDEN).size >= 200, `${FORBIDDEN.length}`);
  const passed = FORBIDDEN.filter((url) => URL.canParse(url) && refusedHost(new URL(url)) === null);
  assert.deepEqual(passed, []);
});

test('[S15] a listener on this machine is not reached by any of them', async (t) => {
  let reached = 0;
  const { endpoint, stop } = await serveHttp((_request, response) => {
    reached += 1;
    response.end();
  });
  t.after(stop);
  const { port } = new URL(endpoint);
  const { signal } = new AbortController();
  for (const text of FORBIDDEN.filter((url) => URL.canParse(url))) {
    const url = new URL(text);
    url.port = port;
    await assert.rejects(send(url, { headers: {}, body: '', signal, allow_private: false }), AddressRefused, text);
  }
  assert.equal(reached, 0);
});

test('a public address is not refused, next to each range that is', () => {
  const next = ['9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.0'];
  const more = ['169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '192.167.255.255', '192.169.0.0'];
  const six = ['2606:4700:4700::1111', '2a00:1450::1', '2001:4860:4860::8888', '2003::1', '2400:cb00::1'];
  for (const address of ['1.0.0.0', '8.8.8.8', '223.255.255.255', ...next, ...more, ...six]) {
    assert.equal(refusedAddress(address), null, address);
  }
  for (const url of [
    'https://example.com/x',
    'https://localhost.example.com',
    'https://10.example.com',
    'https://[2606:4700::1]/',
  ]) {
    assert.equal(refusedHost(new URL(url)), null, url);
  }
});

test('what is refused is named with the reason', () => {
  const why = (url: string) => refusedHost(new URL(url));
  assert.equal(why('http://0x7f.1/'), '127.0.0.1 is not public (loopback)');
  assert.equal(why('http://[::ffff:10.0.0.1]/'), '::ffff:a00:1 is not public (an embedded IPv4 address)');
  assert.equal(why('http://169.254.169.254/latest/meta-data'), '169.254.169.254 is not public (link-local)');
  assert.equal(why('http://LOCALHOST:80/'), 'localhost is this machine');
});
