/** [S17] Signatures pass the verifiers that the authors of Standard Webhooks publish, in JavaScript and in Python. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { serveHttp } from '../../test/servers/serve-http.ts';
import { webhookVerifierEnvironment } from '../../test/setup/webhook-verifier.ts';
import { openNotifier } from '../open-notifier.ts';
import { parseSecrets } from './signature.ts';

const secretOf = (byte: number): string => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;
const CURRENT = secretOf(1);
const PREVIOUS = secretOf(2);

type Received = { headers: Record<string, string>; body: string };

/** What a receiver gets of one message. */
async function delivered(t: TestContext, secrets: string, id = 'notice-1'): Promise<Received> {
  let received: Received | undefined;
  const { endpoint, stop } = await serveHttp(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    received = { headers: request.headers as Record<string, string>, body };
    response.end();
  });
  t.after(stop);
  const notifier = await openNotifier(`${endpoint}/hook`, {
    environment: {},
    allow_private: true,
    keys: parseSecrets(secrets)!,
  });
  const incident = { key: 'k', severity: 'info', resolved: false, source: 's' } as const;
  const document = { type: 'job.completed', data: { text: 'Grüße, 世界 \u2028 "quoted"' } };
  await notifier.notify({ id, title: 't', text: 't', document, incident }, new AbortController().signal);
  return received!;
}

test('[S17] the JavaScript verifier accepts a message, and refuses a changed one', async (t) => {
  const { headers, body } = await delivered(t, CURRENT);
  assert.deepEqual(new Webhook(CURRENT).verify(body, headers), JSON.parse(body));
  assert.equal(headers['webhook-id'], 'notice-1');
  assert.throws(() => new Webhook(PREVIOUS).verify(body, headers));
  assert.throws(() => new Webhook(CURRENT).verify(body.replace('completed', 'failed'), headers));
  assert.throws(() => new Webhook(CURRENT).verify(body, { ...headers, 'webhook-id': 'notice-2' }));
  assert.throws(() => new Webhook(CURRENT).verify(body, { ...headers, 'webhook-timestamp': '1' }));
});

test('[S18] during a rotation a message passes under both secrets; without one it has an id and no signature', async (t) => {
  const { headers, body } = await delivered(t, `${CURRENT} ${PREVIOUS}`);
  for (const secret of [CURRENT, PREVIOUS]) assert.ok(new Webhook(secret).verify(body, headers));
  const unsigned = await delivered(t, '');
  assert.equal(unsigned.headers['webhook-signature'], undefined);
  assert.equal(unsigned.headers['webhook-id'], 'notice-1');
});

test('[S17] the Python verifier accepts a message, and refuses a changed one', async (t) => {
  const environment = await ensurePythonEnvironment(webhookVerifierEnvironment).catch((error: Error) => error);
  if (environment instanceof Error) return t.skip(environment.message);
  const { headers, body } = await delivered(t, `${PREVIOUS},${CURRENT}`);
  const script = `
import json, sys
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
given = json.load(sys.stdin)
for body in (given["body"], given["body"] + " "):
    try:
        Webhook(given["secret"]).verify(body, given["headers"])
        print("accepted")
    except WebhookVerificationError:
        print("refused")
`;
  const input = JSON.stringify({ headers, body, secret: CURRENT });
  const printed = execFileSync(join(environment.bin, 'python'), ['-c', script], { input, encoding: 'utf8' });
  assert.deepEqual(printed.trim().split('\n'), ['accepted', 'refused']);
});

test('a secret that is too short, too long or not base64 is not accepted', () => {
  const short = `whsec_${Buffer.alloc(23).toString('base64')}`;
  const long = `whsec_${Buffer.alloc(65).toString('base64')}`;
  for (const text of ['secret', CURRENT.slice('whsec_'.length), short, long, `${CURRENT}!`, `${CURRENT} x`]) {
    assert.equal(parseSecrets(text), null, text);
  }
  assert.equal(parseSecrets('')?.length, 0);
  assert.equal(parseSecrets(`${CURRENT}, ${PREVIOUS}\n`)?.length, 2);
});
