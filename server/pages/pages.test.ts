/** The dashboard over HTTP: pages, their assets, and the headers that protect them. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { buildApi } from '../api/http/app.ts';
import { readSettings } from '../config.ts';
import { PAGES } from './pages.ts';

const SCRIPT = 'export const answer = 42;\n'.repeat(100);
const folder = mkdtempSync(join(tmpdir(), 'tmon-pages-'));
after(() => rmSync(folder, { recursive: true }));
build(folder);
const { app } = await buildApi(readSettings({ log_level: 'silent' }, {}), '0.0.0', () => {}, undefined, {
  pages_folder: folder,
});
after(() => app.close());

function build(into: string): void {
  mkdirSync(join(into, 'assets'), { recursive: true });
  const head = '<meta property="csp-nonce" nonce="__CSP_NONCE__"><link rel="stylesheet" nonce="__CSP_NONCE__">';
  writeFileSync(join(into, 'index.html'), `<!doctype html><html lang="en"><head>${head}</head></html>`);
  writeFileSync(join(into, 'assets/main-3f9a.js'), SCRIPT);
  writeFileSync(join(into, 'assets/main-3f9a.js.br'), brotliCompressSync(SCRIPT));
  writeFileSync(join(into, 'assets/main-3f9a.js.gz'), gzipSync(SCRIPT));
  writeFileSync(join(into, 'assets/main-3f9a.css'), 'body{margin:0}');
}

const get = (url: string, headers: Record<string, string> = {}) =>
  app.inject({ url, headers: { host: '127.0.0.1:8080', ...headers } });

test('the path of every page, and everything below it, returns the same document', async () => {
  for (const path of ['/', '/?theme=dark', ...PAGES.flatMap((page) => [page, `${page}/`, `${page}/a.b/c%2Fd`])]) {
    const { statusCode, headers, body } = await get(path);
    assert.deepEqual([statusCode, headers['content-type']], [200, 'text/html; charset=utf-8'], path);
    assert.match(body, /^<!doctype html>/, path);
  }
  const head = await app.inject({ method: 'HEAD', url: '/jobs', headers: { host: 'localhost' } });
  assert.deepEqual([head.statusCode, head.body], [200, '']);
  assert.match(String(head.headers['content-security-policy']), /nonce-/);
});

test('every document has a nonce of its own, the one that its policy allows', async () => {
  const nonces = new Set<string>();
  for (const _ of [1, 2]) {
    const { headers, body } = await get('/');
    const [, nonce] = /'nonce-([^']+)'/.exec(String(headers['content-security-policy'])) ?? [];
    assert.deepEqual(
      [...body.matchAll(/nonce="([^"]+)"/g)].map(([, found]) => found),
      [nonce, nonce],
    );
    assert.equal(headers['cache-control'], 'no-store');
    nonces.add(nonce!);
  }
  assert.equal(nonces.size, 2);
});

test('a document may use its own origin only, nothing inline, and may not be framed', async () => {
  const { headers } = await get('/');
  const policy = String(headers['content-security-policy']);
  const directives = new Map(
    policy.split('; ').map((part) => [part.split(' ', 1)[0], part.slice(part.indexOf(' ') + 1)]),
  );
  assert.equal(directives.get('default-src'), "'self'");
  assert.equal(directives.get('connect-src'), "'self' ws://127.0.0.1:8080 wss://127.0.0.1:8080");
  assert.equal(directives.get('frame-ancestors'), "'none'");
  assert.equal(directives.get('base-uri'), "'none'");
  assert.equal(directives.get('form-action'), "'self'");
  assert.equal(directives.get('object-src'), "'none'");
  assert.ok(!directives.has('script-src'));
  assert.doesNotMatch(policy, /unsafe|\*|https:/);
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.equal(headers['referrer-policy'], 'no-referrer');
  assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
  assert.match(String(headers['permissions-policy']), /microphone=\(\)/);
});

test('a Host that is more than a name and a port adds nothing to the policy', async () => {
  for (const host of ['localhost/;script-src *', "127.0.0.1:80/' *", 'localhost?x=; img-src *']) {
    const { statusCode, headers } = await get('/', { host });
    if (statusCode === 403) continue;
    const policy = String(headers['content-security-policy']);
    assert.doesNotMatch(policy, /script-src|\*/, host);
    assert.equal(policy.split(';').length, 9, host);
  }
});

test('an asset has its type, may be kept for a year, and is sent compressed to a client that asks for it', async () => {
  const plain = await get('/assets/main-3f9a.js');
  assert.equal(plain.body, SCRIPT);
  assert.match(String(plain.headers['content-type']), /^(text|application)\/javascript/);
  assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable');
  for (const [accepted, used] of [
    ['gzip, deflate, br', 'br'],
    ['gzip', 'gzip'],
  ] as const) {
    const { headers, rawPayload } = await get('/assets/main-3f9a.js', { 'accept-encoding': accepted });
    assert.equal(headers['content-encoding'], used);
    assert.match(String(headers['content-type']), /^(text|application)\/javascript/);
    assert.equal(headers.vary, 'accept-encoding');
    assert.ok(rawPayload.length < SCRIPT.length / 5);
  }
  const style = await get('/assets/main-3f9a.css', { 'accept-encoding': 'br' });
  assert.deepEqual([style.headers['content-encoding'], style.body], [undefined, 'body{margin:0}']);
});

test('an asset that is unchanged is not sent again, and HEAD sends only its headers', async () => {
  const { etag } = (await get('/assets/main-3f9a.js')).headers;
  const again = await get('/assets/main-3f9a.js', { 'if-none-match': String(etag) });
  assert.deepEqual([again.statusCode, again.body], [304, '']);
  const head = await app.inject({ method: 'HEAD', url: '/assets/main-3f9a.js', headers: { host: 'localhost' } });
  assert.deepEqual([head.statusCode, head.body, head.headers['content-length']], [200, '', String(SCRIPT.length)]);
});

test('an unknown asset or page is 404, and no path leads out of the folder', async () => {
  for (const path of ['/assets/main-old.js', '/assets/', '/assets', '/nothing', '/jobsx', '/index.html']) {
    const { statusCode, body } = await get(path);
    assert.deepEqual([statusCode, JSON.parse(body).code], [404, 'route_not_found'], path);
  }
  for (const path of [
    '/assets/../index.html',
    '/assets/..%2findex.html',
    '/assets/%2e%2e/index.html',
    '/assets//etc/passwd',
  ]) {
    const { statusCode, body } = await get(path);
    assert.ok(statusCode >= 400 && statusCode < 500, `${path}: ${statusCode}`);
    assert.doesNotMatch(body, /doctype/, path);
  }
});

test('a page supports only GET and HEAD', async () => {
  const { statusCode, headers } = await app.inject({ method: 'POST', url: '/jobs', headers: { host: 'localhost' } });
  assert.deepEqual([statusCode, headers.allow], [405, 'GET, HEAD']);
});

test('the API, its documents and the probes are served as before', async () => {
  for (const [path, status, type] of [
    ['/livez', 200, /json/],
    ['/readyz', 503, /json/],
    ['/metrics', 200, /text\/plain/],
    ['/api/v1/openapi.json', 200, /json/],
    ['/api/v1/nothing', 404, /problem\+json/],
    ['/docs', 200, /html/],
  ] as const) {
    const { statusCode, headers } = await get(path);
    assert.equal(statusCode, status, path);
    assert.match(String(headers['content-type']), type, path);
    assert.doesNotMatch(String(headers['content-security-policy']), /nonce/, path);
  }
});

test('a monitor whose dashboard is not built says how to build it, and serves it once it is', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'tmon-pages-'));
  after(() => rmSync(empty, { recursive: true }));
  const later = await buildApi(readSettings({ log_level: 'silent' }, {}), '0.0.0', () => {}, undefined, {
    pages_folder: join(empty, 'dist'),
  });
  after(() => later.app.close());
  const open = (url: string) => later.app.inject({ url, headers: { host: 'localhost' } });
  const before = await open('/');
  assert.deepEqual([before.statusCode, before.headers['content-type']], [200, 'text/plain; charset=utf-8']);
  assert.match(before.body, /^The dashboard is not built\. Run `npm run build -w dashboard`.*\n$/);
  assert.equal((await open('/assets/main-3f9a.js')).statusCode, 404);
  build(join(empty, 'dist'));
  assert.deepEqual(readdirSync(join(empty, 'dist')).sort(), ['assets', 'index.html']);
  assert.match((await open('/')).body, /^<!doctype html>/);
  assert.equal((await open('/assets/main-3f9a.js')).body, SCRIPT);
});
