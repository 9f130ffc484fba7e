/** What a failed delivery says about its destination, and deliveries to destinations that are gone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotifierError } from '../../notifiers/notifier.ts';
import { notifierOptions } from '../../notifiers/open-notifier.ts';
import type { NoticeRecord } from '../state-machine/state/notices.ts';
import { Monitor } from '../state-machine/testing.ts';
import { delivering, failureOf } from './delivery.ts';

test('no response, an overloaded receiver and a failing one are trouble of the destination; other statuses are not', () => {
  const unreachable = (options: ConstructorParameters<typeof NotifierError>[1]) =>
    failureOf(new NotifierError('it failed', options)).unreachable;
  for (const status of [500, 502, 503, 504, 408, 425, 429]) assert.equal(unreachable({ status }), true, `${status}`);
  for (const status of [301, 400, 401, 403, 404, 405, 413, 422])
    assert.equal(unreachable({ status }), false, `${status}`);
  assert.equal(unreachable({}), true, 'no response');
  assert.equal(unreachable({ permanent: true }), false, 'the address is refused');
  assert.deepEqual(failureOf(new Error('a bug')), {
    error: 'a bug',
    permanent: false,
    unreachable: true,
    retry_after_ms: null,
  });
});

test('a notice for a destination that is no longer configured fails for good, with that reason', async () => {
  const monitor = new Monitor();
  monitor.run({ type: 'request_notices', notices: [{ notice_id: 'n', destination: 'gone', url: null }] });
  const notice = monitor.state.tables.notices.get('n') as NoticeRecord;
  const deliver = delivering(notifierOptions({}, {}), () => new Map());
  await assert.rejects(deliver(notice, new AbortController().signal), (error: unknown) => {
    const { permanent, error: why } = failureOf(error);
    return permanent && why === 'no such destination is configured any more';
  });
});
