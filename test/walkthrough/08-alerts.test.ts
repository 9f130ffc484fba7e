/** Chapter 8. A dead letter raises an alert: once, until it is resolved by hand or its cause is gone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Story } from './story.ts';

test('08 [A7] [A23] [A24] an alert is active while it holds, then resolved under its day', async (t) => {
  const story = await Story.begin(t);
  await story.submit();
  await story.fail(await story.claim(), false);
  story.clock.jump(5_000);
  const { items } = await story.http.until('/system/alerts', (page) => page.items.length === 1);
  const [alert] = items;
  story.call(alert.id, 'ALERT');

  assert.deepEqual(await story.objects('alerts/'), ['alerts/active/ALERT.json']);
  // Whether it is suppressed changes with time, so no object says it.
  const { suppressed, ...shown } = alert;
  assert.equal(suppressed, null);
  assert.deepEqual(story.read('alerts/active/ALERT.json'), shown);
  assert.deepEqual(
    story.read('system/health.json').alerts.map(({ id, message }: { id: string; message: string }) => [id, message]),
    [[alert.id, alert.message]],
  );

  await story.http.post(`/system/alerts/${alert.id}/acknowledge`, { by: 'ada' });
  await story.objects('alerts/');
  assert.equal(story.read('alerts/active/ALERT.json').acknowledged.by, 'ada');
  await story.http.post(`/system/alerts/${alert.id}/resolve`);
  assert.deepEqual(await story.objects('alerts/'), ['alerts/resolved/YYYY/MM/DD/ALERT.json']);
  assert.equal(story.read('alerts/resolved/YYYY/MM/DD/ALERT.json').resolved_by, 'api');
});
