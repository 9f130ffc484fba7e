/**
 * A lost fleet of 100 workers, with the monitor killed again and again: one grouped message when they are lost, one when they
 * are back, counted at the receiver.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestMonitor } from '../processes/tmon.ts';
import { Caller } from '../servers/monitor.ts';
import { register } from '../servers/steps.ts';
import { type WebhookReceiver, webhookReceiver } from '../servers/webhook-receiver.ts';
import { extent } from '../thorough.ts';

const WORKERS = 100;
const KILLS = extent(20, 6);
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

const accepted = ({ accepted: all }: WebhookReceiver) => [...all.values()].map(([first]) => first!.body);

test('[A54] [B110] 100 workers lost at once are one message and one when they are back, with kills of the monitor in between', async (t) => {
  const receiver = await webhookReceiver(t, SECRET);
  // While the monitor is killed, half of the deliveries fail after they were received.
  let failing = true;
  let requests = 0;
  receiver.respond = () => {
    requests += 1;
    return failing && requests % 2 === 1 ? 500 : 200;
  };
  const settings = {
    allow_private_webhooks: 'true',
    webhook_secret: SECRET,
    notify: `${receiver.url}/alerts`,
    lease_ms: 1_000,
    worker_degraded_ms: 1_000,
    worker_lost_ms: 2_000,
    notice_retry_base_ms: 100,
    snapshot_segments: 50,
  };
  const monitor = await startTestMonitor(t, settings);
  const caller = new Caller(monitor.url);
  await Promise.all(Array.from({ length: WORKERS }, (_, n) => register(caller, `gpu-${n}`)));
  const lost = ({ body }: { body: { data: { group: { alertname: string } } } }) =>
    body.data.group.alertname === 'worker_lost';
  const about = () => receiver.received.filter(lost);

  let kills = 0;
  const kill = async () => {
    await monitor.kill();
    await monitor.restart();
    kills += 1;
  };
  await caller.until(
    '/system/alerts?limit=1000',
    ({ items }) => items.filter(({ rule }: { rule: string }) => rule === 'worker_lost').length === WORKERS,
  );
  while (kills < KILLS / 2) await kill();
  await receiver.until(() => about().length > 0);
  while (kills < KILLS - 2) await kill();
  failing = false;
  await receiver.until(() => accepted(receiver).some((body) => lost({ body })));

  const beating = setInterval(() => {
    for (let n = 0; n < WORKERS; n += 1)
      void caller.post(`/workers/gpu-${n}/heartbeat`, { health: {} }).catch(() => {});
  }, 400);
  t.after(() => clearInterval(beating));
  await caller.until('/system/alerts?limit=1000', ({ items }) =>
    items.every(({ rule }: { rule: string }) => rule !== 'worker_lost'),
  );
  while (kills < KILLS) await kill();
  await receiver.until(() => accepted(receiver).some((body) => lost({ body }) && body.type === 'alerts.resolved'));

  const messages = accepted(receiver).filter((body) => lost({ body }));
  assert.deepEqual(
    messages.map(({ type, data }) => [type, data.firing_count, data.resolved_count]),
    [
      ['alerts.firing', WORKERS, 0],
      ['alerts.resolved', 0, WORKERS],
    ],
  );
  assert.equal(new Set(about().map(({ id }) => id)).size, 2, 'two ids, however often they were sent');
  assert.equal(new Set(messages.map(({ data }) => data.incident)).size, 1);
  assert.equal((await monitor.stop()).code, 0);
});
