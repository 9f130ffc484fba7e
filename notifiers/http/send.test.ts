/** [S14] Requests to addresses that somebody else chose: resolved once, pinned, checked at each redirect, limited. */
import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { type TestContext, test } from 'node:test';
import { serveHttp } from '../../test/servers/serve-http.ts';
import { type Address, AddressRefused, REDIRECTS_MAX, RESPONSE_MAX_BYTES, type SendOptions, send } from './send.ts';

const { signal } = new AbortController();

function post(url: string, options: Partial<SendOptions> = {}) {
  return send(new URL(url), { headers: {}, body: '{}', signal, allow_private: true, ...options });
}

async function serve(t: TestContext, respond: RequestListener) {
  const requests: { url: string; method: string; host: string; authorization: string | undefined; body: string }[] = [];
  const { endpoint, stop } = await serveHttp(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { url = '', method = '', headers } = request;
    requests.push({ url, method, host: headers.host ?? '', authorization: headers.authorization, body });
    respond(request, response);
  });
  t.after(stop);
  return { endpoint, port: new URL(endpoint).port, requests };
}

const resolver = (...answers: string[][]) => {
  const asked: string[] = [];
  const resolve = async (host: string): Promise<Address[]> => {
    asked.push(host);
    return (answers.shift() ?? ['127.0.0.1']).map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  return { asked, resolve };
};

test('[S14] a name is resolved once, and the connection is made to the address that was checked', async (t) => {
  const { port, requests } = await serve(t, (_request, response) => void response.end('ok'));
  const { asked, resolve } = resolver(['127.0.0.1'], ['203.0.113.1']);
  const sent = await post(`http://receiver.test:${port}/hook`, { resolve });
  assert.deepEqual([sent.status, sent.text, asked], [200, 'ok', ['receiver.test']]);
  assert.equal(requests[0]!.host, `receiver.test:${port}`);
});

test('[S14] a name with a private address is refused, even beside public ones', async () => {
  for (const answer of [
    ['10.0.0.1'],
    ['1.1.1.1', '127.0.0.1'],
    ['2606:4700::1', '::ffff:127.0.0.1'],
    ['fe80::1%eth0'],
    ['nonsense'],
  ]) {
    const { resolve } = resolver(answer);
    await assert.rejects(
      post('http://receiver.test/', { resolve, allow_private: false }),
      AddressRefused,
      answer.join(),
    );
  }
  await assert.rejects(
    post('http://receiver.test/', { ...resolver(['10.1.2.3']), allow_private: false }),
    /receiver\.test is 10\.1\.2\.3, which is not public \(private\)/,
  );
});

test('[S14] each redirect is resolved and checked again, and at most three are followed', async (t) => {
  const { port, requests } = await serve(t, ({ url }, response) => {
    response.writeHead(307, { location: `http://hop.test:${port}${url}x` }).end();
  });
  const { asked, resolve } = resolver();
  const sent = await post(`http://hop.test:${port}/`, { resolve });
  assert.equal(sent.status, 307);
  assert.deepEqual([asked.length, requests.length], [1 + REDIRECTS_MAX, 1 + REDIRECTS_MAX]);
  assert.ok(requests.every(({ method, body }) => method === 'POST' && body === '{}'));
});

test('[S14] a redirect to a private address is refused', async (t) => {
  const inner = await serve(t, (_request, response) => void response.end());
  const outer = await serve(t, ({ url }, response) => {
    const host = url === '/name' ? 'inner.test' : '127.0.0.2';
    response.writeHead(308, { location: `http://${host}:${inner.port}/` }).end();
  });
  // As if 127.0.0.1 were public.
  const refused = (address: string) => (address === '127.0.0.1' ? null : 'is not public');
  const resolve = async () => [{ address: '127.0.0.2', family: 4 }];
  for (const path of ['/address', '/name']) {
    const posted = post(`${outer.endpoint}${path}`, { allow_private: false, refused, resolve });
    await assert.rejects(posted, AddressRefused, path);
  }
  assert.deepEqual([outer.requests.length, inner.requests.length], [2, 0]);
});

test('a redirect that would change the method, or leaves https, is not followed', async (t) => {
  for (const status of [301, 302, 303]) {
    const { endpoint, requests } = await serve(t, (_request, response) => {
      response.writeHead(status, { location: '/elsewhere' }).end();
    });
    assert.equal((await post(endpoint)).status, status);
    assert.equal(requests.length, 1);
  }
});

test('a password is not passed on to another origin', async (t) => {
  const other = await serve(t, (_request, response) => void response.end());
  const first = await serve(t, ({ url }, response) => {
    if (url === '/here') response.end();
    else response.writeHead(307, { location: url === '/same' ? '/here' : `${other.endpoint}/` }).end();
  });
  const headers = { authorization: 'Basic abc' };
  await post(`${first.endpoint}/same`, { headers });
  await post(`${first.endpoint}/other`, { headers });
  assert.deepEqual(
    [
      first.requests.map(({ authorization }) => authorization),
      other.requests.map(({ authorization }) => authorization),
    ],
    [['Basic abc', 'Basic abc', 'Basic abc'], [undefined]],
  );
});

test('[S14] a response is cut off at its largest size, and an aborted request ends at once', async (t) => {
  const { endpoint } = await serve(t, (_request, response) => {
    const piece = Buffer.alloc(RESPONSE_MAX_BYTES, 'x');
    const more = () => {
      while (!response.destroyed && response.write(piece));
    };
    response.on('drain', more);
    more();
  });
  assert.equal((await post(endpoint)).text.length, RESPONSE_MAX_BYTES);

  const stop = new AbortController();
  const silent = await serve(t, () => stop.abort());
  await assert.rejects(post(silent.endpoint, { signal: stop.signal }), { name: 'AbortError' });
  const unresolved = post('http://receiver.test/', {
    signal: AbortSignal.any([stop.signal]),
    resolve: () => new Promise(() => {}),
  });
  await assert.rejects(unresolved, { name: 'AbortError' });
});
