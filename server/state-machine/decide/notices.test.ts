/** Notices in the fold: made by the end of a job, claimed, retried, given up, blocked with their destination, forgotten. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOUR_MS, MINUTE_MS } from '../../../protocol/time.ts';
import { failingDestinations, type NoticeRecord, TROUBLE_FAILURES, WAITING_MAX } from '../state/notices.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { Monitor } from '../testing.ts';
import { dueNotices, nextNoticeDue } from './notices.ts';

const HOOK = 'https://user:pw@Example.com:8443/hooks/1?x=y';
const ORIGIN = 'https://example.com:8443';

const noticesOf = ({ state }: Monitor): NoticeRecord[] => [...state.tables.notices.values()];
const only = (monitor: Monitor): NoticeRecord => {
  const [notice, ...more] = noticesOf(monitor);
  assert.ok(notice && more.length === 0, `${more.length + Number(notice !== undefined)} notices`);
  return notice;
};
const due = (monitor: Monitor, busy = new Map<string, number>(), max = 100) =>
  dueNotices(monitor.state, monitor.at_ms, { max, busy });

const claim = (monitor: Monitor, by = 'sender', notice_ids = due(monitor)) =>
  monitor.run({ type: 'claim_notices', notice_ids, by }).events;

function fail(monitor: Monitor, notice_id: string, more: object = {}) {
  const report = { error: 'HTTP 500', permanent: false, unreachable: true, retry_after_ms: null, jitter: 1 };
  return monitor.run({ type: 'fail_notice', notice_id, by: 'sender', ...report, ...more }).events;
}

/** Completed jobs with this webhook. */
function completed(monitor: Monitor, count: number, webhook_url = HOOK): void {
  for (let n = 0; n < count; n += 1)
    monitor.complete(monitor.claimed(`job-${webhook_url.length}-${n}`, { webhook_url }));
}

test('the end of a job with a webhook makes one notice, whose id follows from the events', () => {
  const ends: Record<string, (monitor: Monitor) => unknown> = {
    completed: (monitor) => monitor.complete(monitor.claimed('job-1', { webhook_url: HOOK })),
    failed: (monitor) => monitor.fail(monitor.claimed('job-1', { webhook_url: HOOK }), { retryable: false }),
    cancelled: (monitor) => monitor.run({ type: 'cancel_job', job_id: monitor.submit('job-1', { webhook_url: HOOK }) }),
  };
  for (const [end, run] of Object.entries(ends)) {
    const [first, second] = [new Monitor(), new Monitor()];
    run(first);
    run(second);
    const notice = only(first);
    assert.deepEqual(only(second), notice);
    assert.match(notice.id, new RegExp(`^job-1-${end}-[a-z0-9]+$`));
    assert.deepEqual([notice.destination, notice.state, notice.next_ms], [ORIGIN, 'waiting', first.at_ms]);
    assert.equal(notice.content.kind === 'job' && notice.content.end, end);
  }
});

test('a job without a webhook, an end that was not asked for, and a retried attempt make none', () => {
  const monitor = new Monitor();
  monitor.complete(monitor.claimed('plain'));
  monitor.complete(monitor.claimed('other', { webhook_url: HOOK, webhook_events: ['failed', 'cancelled'] }));
  monitor.fail(monitor.claimed('again', { webhook_url: HOOK }));
  assert.equal(noticesOf(monitor).length, 0);
  monitor.fail(monitor.claimed('asked', { webhook_url: HOOK, webhook_events: ['failed'] }), { retryable: false });
  assert.equal(only(monitor).content.kind, 'job');
});

test('a job that fails, is retried and completes makes two notices with two ids', () => {
  const monitor = new Monitor();
  monitor.fail(monitor.claimed('job-1', { webhook_url: HOOK }), { retryable: false });
  monitor.run({ type: 'retry_job', job_id: 'job-1' });
  monitor.complete(monitor.claim('worker-1')[0]!);
  const notices = noticesOf(monitor);
  assert.deepEqual(notices.map(({ content }) => content.kind === 'job' && content.end).sort(), ['completed', 'failed']);
  const [failed] = notices.filter(({ content }) => content.kind === 'job' && content.end === 'failed');
  assert.equal(failed?.content.kind === 'job' && failed.content.job.error?.code, 'crashed');
});

test('a claimed notice is not due until its claim is over, and is then claimed under the same id', () => {
  const monitor = new Monitor();
  completed(monitor, 1);
  const { id } = only(monitor);
  assert.equal(claim(monitor).length, 1);
  assert.deepEqual(due(monitor), []);
  assert.equal(claim(monitor, 'other', [id]).length, 0);
  monitor.later(monitor.policy.notice_claim_ms);
  assert.deepEqual(due(monitor), [id]);
  claim(monitor, 'other');
  assert.deepEqual([only(monitor).claimed_by, only(monitor).attempts], ['other', 2]);
  assert.equal(fail(monitor, id).length, 0, 'the first sender has lost it');
  assert.equal(monitor.run({ type: 'deliver_notice', notice_id: id }).events.length, 1);
  assert.deepEqual([only(monitor).state, only(monitor).ended_ms], ['delivered', monitor.at_ms]);
  assert.equal(nextNoticeDue(monitor.state), null);
});

test('what another sender had claimed is released by one that is alone', () => {
  const monitor = new Monitor();
  completed(monitor, 2);
  claim(monitor, 'dead');
  monitor.run({ type: 'release_notices', by: 'me' });
  assert.equal(due(monitor).length, 2);
});

test('a failed notice waits longer each time, and has failed for good when the time to give up has come', () => {
  const monitor = new Monitor({ notice_give_up_ms: HOUR_MS, notice_retry_max_ms: 20 * MINUTE_MS });
  completed(monitor, 1);
  const { id } = only(monitor);
  const waits: number[] = [];
  while (only(monitor).state !== 'failed' && waits.length < 100) {
    claim(monitor);
    fail(monitor, id, { unreachable: false });
    if (only(monitor).next_ms === null) break;
    waits.push((only(monitor).next_ms! - monitor.at_ms) / 1000);
    monitor.later(only(monitor).next_ms! - monitor.at_ms);
  }
  assert.deepEqual(waits, [5, 10, 20, 40, 80, 160, 320, 640, 1200]);
  assert.deepEqual([only(monitor).state, only(monitor).last_error], ['failed', 'HTTP 500']);
  assert.deepEqual([...failingDestinations(monitor.state)], []);
});

test('a permanent failure ends a notice at once, and a receiver that asks for time gets it', () => {
  const monitor = new Monitor();
  completed(monitor, 2);
  const [first, second] = claim(monitor).flatMap((event) =>
    event.type === 'NoticesClaimed' ? event.data.notice_ids : [],
  );
  fail(monitor, first!, { permanent: true, unreachable: false });
  fail(monitor, second!, { retry_after_ms: 90_000 });
  assert.equal(monitor.state.tables.notices.get(first!)?.state, 'failed');
  assert.equal(monitor.state.tables.notices.get(second!)?.next_ms, monitor.at_ms + 90_000);
});

test('a destination that fails again and again gets one notice as a probe, and holds up no other', () => {
  const monitor = new Monitor();
  completed(monitor, 20);
  completed(monitor, 1, 'https://other.example.com/');
  const ids = due(monitor);
  assert.equal(ids.length, 8 + 1, 'at most so many at once to each');
  claim(monitor);
  monitor.run({
    type: 'deliver_notice',
    notice_id: ids.find((id) => monitor.state.tables.notices.get(id)?.destination !== ORIGIN)!,
  });
  const failing = ids.filter((id) => monitor.state.tables.notices.get(id)?.destination === ORIGIN);
  for (const id of failing.slice(0, TROUBLE_FAILURES - 1)) fail(monitor, id);
  assert.deepEqual([...failingDestinations(monitor.state)], []);
  for (const id of failing.slice(TROUBLE_FAILURES - 1)) fail(monitor, id);
  const [trouble] = [...failingDestinations(monitor.state)];
  assert.deepEqual([trouble?.destination, trouble?.failures, trouble?.notifier], [ORIGIN, 8, false]);
  assert.deepEqual(due(monitor), [], 'blocked, although 12 have never been tried');
  assert.equal(nextNoticeDue(monitor.state), trouble!.blocked_until_ms);
  monitor.later(trouble!.blocked_until_ms! - monitor.at_ms);
  const probe = due(monitor);
  assert.equal(probe.length, 1);
  assert.deepEqual(due(monitor, new Map([[ORIGIN, 1]])), [], 'one at a time');
  claim(monitor);
  monitor.run({ type: 'deliver_notice', notice_id: probe[0]! });
  assert.equal(due(monitor).length, 8, 'it receives again');
  assert.equal(monitor.state.tables.troubles.size, 0);
});

test('a day without the receiver costs few events, however many notices wait', () => {
  const monitor = new Monitor();
  completed(monitor, 500);
  const until_ms = monitor.at_ms + 24 * HOUR_MS;
  let events = 0;
  while (monitor.at_ms < until_ms) {
    events += claim(monitor).length;
    for (const { id, claimed_by } of noticesOf(monitor)) if (claimed_by !== null) events += fail(monitor, id).length;
    monitor.later(Math.max(1, nextNoticeDue(monitor.state)! - monitor.at_ms));
  }
  assert.ok(events < 400, `${events}`);
});

test('notices beyond the most that may wait are counted as trouble of their destination, and not kept', () => {
  const monitor = new Monitor();
  const notices = Array.from({ length: WAITING_MAX + 2 }, (_, n) => ({
    notice_id: `n-${n}`,
    destination: 'ops',
    url: null,
  }));
  monitor.run({ type: 'request_notices', notices });
  assert.equal(monitor.state.tables.notices.size, WAITING_MAX);
  assert.deepEqual(
    [...failingDestinations(monitor.state)].map(({ destination, dropped, notifier }) => [
      destination,
      dropped,
      notifier,
    ]),
    [['ops', 2, true]],
  );
});

test('a notice that nobody could send in time has failed, with the trouble of its destination as the reason', () => {
  const monitor = new Monitor({ notice_give_up_ms: HOUR_MS });
  completed(monitor, 4);
  for (const id of due(monitor).slice(0, 3)) {
    claim(monitor, 'sender', [id]);
    fail(monitor, id, { error: 'ECONNREFUSED' });
  }
  monitor.later(2 * HOUR_MS);
  claim(monitor);
  while (due(monitor).length > 0) claim(monitor);
  assert.deepEqual(
    new Set(noticesOf(monitor).map(({ state, last_error }) => `${state} ${last_error}`)),
    new Set(['failed ECONNREFUSED']),
  );
});

test('a replay sends under the same id, whatever became of the notice, with the whole time before giving up', () => {
  const monitor = new Monitor();
  completed(monitor, 1);
  const { id } = only(monitor);
  claim(monitor);
  fail(monitor, id, { permanent: true });
  monitor.later(80 * HOUR_MS);
  monitor.run({ type: 'replay_notice', notice_id: id });
  assert.deepEqual([only(monitor).state, only(monitor).attempts, due(monitor)], ['waiting', 0, [id]]);
  claim(monitor);
  monitor.run({ type: 'deliver_notice', notice_id: id });
  monitor.run({ type: 'replay_notice', notice_id: id });
  assert.deepEqual(due(monitor), [id]);
  assert.equal(monitor.run({ type: 'replay_notice', notice_id: 'none' }).refusal?.code, 'notification_not_found');
});

test('notices that ended leave the fold when they are old or too many; those that wait stay', () => {
  const monitor = new Monitor({ notices_max: 3 });
  completed(monitor, 8);
  claim(monitor);
  const ids = noticesOf(monitor).map(({ id }) => id);
  for (const notice_id of ids.slice(0, 5)) monitor.later(1).run({ type: 'deliver_notice', notice_id });
  monitor.tick();
  assert.deepEqual(
    noticesOf(monitor).map(({ id }) => id),
    ids.slice(2),
  );
  monitor.later(monitor.policy.notices_window_ms + 10).tick();
  assert.deepEqual(
    noticesOf(monitor).map(({ id }) => id),
    ids.slice(5),
  );
});

test('a snapshot has the notices and the trouble of their destinations, and its indexes are those of the fold', () => {
  const monitor = new Monitor();
  completed(monitor, 12);
  claim(monitor);
  for (const { id } of noticesOf(monitor).slice(0, 4)) fail(monitor, id);
  monitor.run({ type: 'deliver_notice', notice_id: noticesOf(monitor)[5]!.id });
  monitor.run({ type: 'deliver_notice', notice_id: noticesOf(monitor)[6]!.id });
  for (const { id } of noticesOf(monitor).slice(7, 10)) fail(monitor, id);
  const restored = restore(snapshotRows(monitor.state));
  const names = [
    'notices',
    'troubles',
    'notices_due',
    'destinations_due',
    'notices_waiting',
    'notices_ended',
    'notices_by_creation',
  ] as const;
  for (const name of names) {
    assert.deepEqual([...restored.tables[name].entries()], [...monitor.state.tables[name].entries()], name);
  }
});
