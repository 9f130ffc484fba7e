/** The bodies for PagerDuty, Teams, Telegram and Slack, against what their documentation says they accept. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Json } from '../test/servers/monitor.ts';
import { serveHttp } from '../test/servers/serve-http.ts';
import { type Notice, NotifierError } from './notifier.ts';
import { notifierOptions, openNotifier } from './open-notifier.ts';
import { refusedBy, refusedCard } from './testing-schemas.ts';

const { signal } = new AbortController();
const KEY = 'a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4';
const TOKEN = '123456:AAbbCCddEEffGGhhIIjjKKllMMnn';

const notice = (more: Partial<Notice> = {}): Notice => ({
  id: 'notice-1',
  title: 'worker_lost: worker-1 has gone silent',
  text: 'FIRING\n  worker_lost  worker-1  <b>&amp; [x](y)',
  document: {},
  incident: { key: 'group-1', severity: 'warning', resolved: false, source: 'worker-1' },
  ...more,
});
const long = notice({ title: '<&*'.repeat(5_000), text: '<&_\n'.repeat(50_000) });
const resolved = notice({ incident: { ...notice().incident, resolved: true } });

async function receiver(t: TestContext, status = 202, headers: Record<string, string> = {}) {
  const requests: { path: string; text: string; body: Json }[] = [];
  const { endpoint, stop } = await serveHttp(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    requests.push({ path: request.url ?? '', text, body: JSON.parse(text) });
    response.writeHead(status, headers).end('{"ok":true}');
  });
  t.after(stop);
  const environment = { TMON_PAGERDUTY_URL: `${endpoint}/v2/enqueue`, TMON_TELEGRAM_URL: endpoint };
  const open = (url: string) => openNotifier(url, notifierOptions({ allow_private_webhooks: 'true' }, environment));
  return { endpoint, requests, open };
}

test('PagerDuty gets events by its schema, and the end of an incident under the key that opened it', async (t) => {
  const { requests, open } = await receiver(t);
  const notifier = await open(`pagerduty:${KEY}`);
  for (const one of [notice(), long, resolved]) await notifier.notify(one, signal);
  for (const { body } of requests) assert.equal(refusedBy('pagerduty', body), null);
  assert.deepEqual(
    requests.map(({ path, body }) => [path, body.event_action, body.dedup_key, body.payload?.severity]),
    [
      ['/v2/enqueue', 'trigger', 'group-1', 'warning'],
      ['/v2/enqueue', 'trigger', 'group-1', 'warning'],
      ['/v2/enqueue', 'resolve', 'group-1', undefined],
    ],
  );
  assert.ok(requests.every(({ text }) => text.length < 512_000));
  assert.equal(notifier.name, 'pagerduty:…c3d4');
  assert.match(refusedBy('pagerduty', { routing_key: KEY, event_action: 'trigger' })!, /payload/);
});

test('Teams gets an Adaptive Card by its schema, within its size, in which names are no markup', async (t) => {
  const { endpoint, requests, open } = await receiver(t);
  const notifier = await open(`teams:${endpoint}/workflows/secret`);
  for (const one of [notice(), long, resolved]) await notifier.notify(one, signal);
  for (const { body, text } of requests) {
    assert.equal(refusedBy('teams', body), null);
    assert.deepEqual(refusedCard(body.attachments[0].content), []);
    assert.ok(Buffer.byteLength(text) <= 28 * 1024, `${Buffer.byteLength(text)}`);
  }
  const card = requests[0]!.body.attachments[0].content;
  const [title, report] = card.body;
  for (const wrong of [{ color: 'Pink' }, { colour: 'Good' }, { type: 'Text' }]) {
    assert.notDeepEqual(refusedCard({ ...card, body: [{ ...title, ...wrong }] }), [], JSON.stringify(wrong));
  }
  assert.equal(title.text, 'worker\\_lost: worker-1 has gone silent');
  assert.match(report.text, /\\\[x\\\]\\\(y\\\)/);
  assert.deepEqual(
    requests.map(({ body }) => body.attachments[0].content.body[0].color),
    ['Warning', 'Warning', 'Good'],
  );
});

test('Telegram gets a message by its API, within its size, with names escaped', async (t) => {
  const { requests, open } = await receiver(t, 200);
  const notifier = await open(`telegram:${TOKEN}@-100200`);
  for (const one of [notice(), long, resolved]) await notifier.notify(one, signal);
  await (await open(`telegram:${TOKEN}@@channel`)).notify(notice(), signal);
  for (const { path, body } of requests) {
    assert.equal(refusedBy('telegram', body), null);
    assert.equal(path, `/bot${TOKEN}/sendMessage`);
    const parsed = body.text.replace(/<\/?(b|pre)>/g, '').replace(/&(lt|gt|amp);/g, '.');
    assert.ok(parsed.length <= 4096 && !/[<>&]/.test(parsed), `${parsed.length}`);
  }
  assert.deepEqual(
    requests.map(({ body }) => body.chat_id),
    [-100200, -100200, -100200, '@channel'],
  );
  assert.equal(notifier.name, 'telegram:123456@-100200');
});

test('Slack gets blocks by its schema, whatever the length of the text', async (t) => {
  const { endpoint, requests, open } = await receiver(t, 200);
  const notifier = await open(`slack:${endpoint}/services/T/B/secret`);
  for (const one of [notice(), long, resolved]) await notifier.notify(one, signal);
  for (const { body } of requests) assert.equal(refusedBy('slack', body), null);
});

test('a failure says whether and when to try again, and never shows a secret', async (t) => {
  const failure = async (status: number, headers: Record<string, string> = {}) => {
    const { endpoint, open } = await receiver(t, status, headers);
    const urls = [
      `${endpoint}/hooks/secret-path`,
      `pagerduty:${KEY}`,
      `telegram:${TOKEN}@1`,
      `teams:${endpoint}/secret-path`,
    ];
    const errors = await Promise.all(
      urls.map(async (url) =>
        (await open(url)).notify(notice(), signal).then(
          () => assert.fail(url),
          (error: NotifierError) => error,
        ),
      ),
    );
    for (const { message } of errors) assert.doesNotMatch(message, new RegExp(`secret|${KEY}|${TOKEN}`));
    return errors.map((error) => [error instanceof NotifierError, error.permanent, error.retry_after_ms].join());
  };
  assert.deepEqual(await failure(429, { 'retry-after': '7' }), Array(4).fill('true,false,7000'));
  assert.deepEqual(await failure(503, { 'retry-after': '1000000' }), Array(4).fill('true,false,3600000'));
  assert.deepEqual(await failure(410), Array(4).fill('true,true,'));
  assert.deepEqual(await failure(500), Array(4).fill('true,false,'));
});

test('a receiver with a private address is refused for good unless allowed, with the setting as a hint', async () => {
  for (const url of ['http://127.0.0.1:9/x', 'slack:http://10.0.0.1/x', 'teams:http://localhost/x']) {
    const notifier = await openNotifier(url, notifierOptions({}, {}));
    await assert.rejects(notifier.notify(notice(), signal), (error: NotifierError) => {
      assert.match(error.message, /was not notified: .*(is not public|is this machine)/);
      assert.match(error.hint!, /TMON_ALLOW_PRIVATE_WEBHOOKS=true/);
      return error.permanent;
    });
  }
  assert.throws(() => notifierOptions({}, { TMON_ALLOW_PRIVATE_WEBHOOKS: 'yes' }), /allow_private_webhooks is "yes"/);
  assert.throws(() => notifierOptions({}, { TMON_WEBHOOK_SECRET: 'hunter2' }), /webhook_secret is not valid/);
});
