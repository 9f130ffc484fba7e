/** kill -9 of a monitor that sends webhooks, to a receiver that fails and stalls: each end arrives under one id. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestMonitor } from '../processes/tmon.ts';
import { Caller } from '../servers/monitor.ts';
import { complete, hold } from '../servers/steps.ts';
import { webhookReceiver } from '../servers/webhook-receiver.ts';
import { extent } from '../thorough.ts';

const JOBS = extent(60, 25);
const KILLS = extent(12, 5);

test(`[S18] the monitor is killed ${KILLS} times while it sends: no notification is lost, none has two ids`, async (t) => {
  const receiver = await webhookReceiver(t);
  let requests = 0;
  // Every third fails, every seventh gets no response.
  receiver.respond = () => {
    requests += 1;
    return requests % 7 === 0 ? null : requests % 3 === 0 ? 500 : 200;
  };
  const settings = {
    allow_private_webhooks: 'true',
    notice_retry_base_ms: 20,
    notice_retry_max_ms: 200,
    snapshot_segments: 40,
  };
  const monitor = await startTestMonitor(t, settings);
  const caller = new Caller(monitor.url);
  const jobs: string[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    for (let n = 0; n < JOBS / KILLS; n += 1) {
      const held = await hold(caller, { webhook_url: `${receiver.url}/hook` });
      await complete(caller, held);
      jobs.push(held.id);
    }
    const before = receiver.received.length;
    await receiver.until(() => receiver.received.length > before);
    await monitor.kill();
    await monitor.restart();
  }
  receiver.respond = () => 200;
  const about = (job_id: string) => [...receiver.accepted.values()].filter(([one]) => one!.body.data.job_id === job_id);
  await receiver.until(() => jobs.every((job_id) => about(job_id).length > 0));
  for (const job_id of jobs) {
    const ids = new Set(receiver.received.filter(({ body }) => body.data.job_id === job_id).map(({ id }) => id));
    assert.equal(ids.size, 1, `${job_id} has the ids ${[...ids].join(', ')}`);
  }
  await caller.until('/system/notifications?limit=1000', ({ items }) =>
    items.every(({ state }: { state: string }) => state === 'delivered'),
  );
  assert.equal((await monitor.stop()).code, 0);
});
