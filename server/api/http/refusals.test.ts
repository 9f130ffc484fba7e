/** What is not let in is in the log, with who, from where and to what, and without a secret. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MonitorError } from '../../../protocol/errors.ts';
import { FeedClient } from '../../../test/servers/feed-client.ts';
import { ADMIN_KEY, Caller } from '../../../test/servers/monitor.ts';
import { hashOfKey } from '../../access/secrets.ts';
import { systemClock } from '../../clock.ts';
import { readSettings } from '../../config.ts';
import { startMonitor } from '../../main.ts';
import { MemoryStore } from '../../objects/memory.ts';
import { TurnedClock } from '../../testing-clock.ts';
import { RefusalLog } from './refusals.ts';

test('a wrong key, a role that may not and a foreign page are logged once each, and no secret', async (t) => {
  const logged: string[] = [];
  const settings = { store: 'memory:', listen: '127.0.0.1:0', admin_key_hash: hashOfKey(ADMIN_KEY) };
  const monitor = await startMonitor(readSettings(settings, {}), {
    store: new MemoryStore(systemClock),
    log: (level, message) => void (message.startsWith('refused') && logged.push(`${level} ${message}`)),
  });
  t.after(() => monitor.stop());
  const open = new Caller(monitor.url);
  const { key, id } = (await open.withKey(ADMIN_KEY).post('/keys', { role: 'read' })).body;
  const wrong = `${ADMIN_KEY.slice(0, -7)}xxxxxxx`;
  await open.withKey(key).get('/jobs');
  await open.withKey(key).post('/keys', { role: 'admin' });
  await open.withKey(wrong).get('/jobs?search=private');
  await open.withKey(key).call('POST', '/v1/audio/transcriptions');
  await open.call('GET', `/api/v1/jobs/${key}`);
  await open.get('/jobs', { authorization: 'Bearer tmt_wrong' });
  const feed = await FeedClient.open(t, monitor.url, key);
  assert.equal((await feed.call('keys.list')).code, 'role_not_allowed');
  const from = '127\\.0\\.0\\.1';
  const expected = [
    `^warn refused: 403 role_not_allowed to key:${id} from ${from}: POST /api/v1/keys \\(.+\\)$`,
    `^warn refused: 401 key_invalid to a caller from ${from}: GET /api/v1/jobs \\(`,
    `^warn refused: 403 role_not_allowed to key:${id} from ${from}: POST /v1/audio/transcriptions \\(`,
    `^warn refused: 400 key_in_url to a caller from ${from}: GET /api/v1/jobs/tmk_… \\(`,
    `^warn refused: 401 pass_invalid to a caller from ${from}: GET /api/v1/jobs \\(`,
    `^warn refused: 403 role_not_allowed to key:${id} from ${from}: CALL keys.list \\(`,
  ];
  assert.equal(logged.length, expected.length, logged.join('\n'));
  for (const [index, text] of expected.entries()) assert.match(logged[index]!, new RegExp(text));
  await open.withKey(ADMIN_KEY).delete(`/keys/${id}`);
  await open.withKey(key).get('/jobs');
  assert.match(logged.at(-1)!, new RegExp(`401 key_revoked to a caller with key ${id} from`));
});

test('a flood is counted, and the next minute says how many there were', async () => {
  const clock = new TurnedClock('2026-01-01T00:00:00Z');
  const logged: string[] = [];
  const log = new RefusalLog((_, message) => void logged.push(message), clock);
  const request = { method: 'GET', url: '/api/v1/jobs', id: 'r', ip: '::1', headers: {} } as never;
  const error = new MonitorError('unauthenticated', 'key_required', 'this monitor requires an API key');
  for (let count = 0; count < 1_000; count++) log.note(error, request);
  assert.equal(logged.length, 30);
  log.note(new MonitorError('not_found', 'job_not_found', 'there is no such job'), request);
  await clock.turn(60_000);
  log.note(error, request);
  assert.deepEqual(logged.slice(30), [
    'refused: 970 more requests in the minute before',
    'refused: 401 key_required to a caller from ::1: GET /api/v1/jobs (r)',
  ]);
});
