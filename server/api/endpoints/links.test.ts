/** [S20] Links: each is good for exactly one thing, ends with its key, can be revoked, and its secret is logged nowhere. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { ADMIN_KEY, openMonitor } from '../../../test/servers/monitor.ts';
import { hold, submit, TRANSCRIPT } from '../../../test/servers/steps.ts';
import { hashOfKey } from '../../access/secrets.ts';

const clock = new JumpingClock();
const monitor = await openMonitor({ after }, { clock, admin_key_hash: hashOfKey(ADMIN_KEY) });
const admin = monitor.withKey(ADMIN_KEY);
const keyOf = async (creation: object) => {
  const { body } = await admin.post('/keys', creation);
  return { id: body.id as string, caller: monitor.withKey(body.key) };
};
const codeOf = ({ status, body }: { status: number; body: { code: string } }) => [status, body?.code];
const NOT_FOUND = [404, 'link_not_found'];

const held = await hold(admin, { output_format: 'srt' });
await admin.put(`/jobs/${held.id}/transcript`, TRANSCRIPT, { 'lease-token': held.token });

/** The path of a link, below /api/v1. */
const pathOf = ({ url }: { url: string }): string => new URL(url).pathname.replace('/api/v1', '');
const linkTo = async (caller = admin, more: object = {}) =>
  (await caller.post(`/jobs/${held.id}/links`, { for: 'transcript', ...more })).body;

test('a link opens the transcript of its job without a key, in its format, and is kept by no cache', async () => {
  const link = await linkTo(admin, { format: 'text' });
  assert.match(link.url, /^http:\/\/127\.0\.0\.1:\d+\/api\/v1\/links\/tml_\w+$/);
  const { status, text, headers } = await monitor.get(pathOf(link));
  assert.deepEqual([status, text], [200, 'hello\nworld\n']);
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.equal(headers.get('referrer-policy'), 'no-referrer');
  assert.equal(headers.get('content-disposition'), `attachment; filename="${held.id}.txt"`);
  assert.match((await monitor.get(pathOf(await linkTo()))).text, /^1\n00:00:00,000/, "the job's own format");
});

test('it is good for nothing else: not as a token, not for an upload, not for another job', async () => {
  const link = await linkTo();
  const text = link.url.split('/').at(-1)!;
  assert.deepEqual(codeOf(await monitor.withKey(text).get('/jobs')), [401, 'key_invalid']);
  assert.deepEqual(codeOf(await monitor.withKey(text.replace('tml', 'tmt')).get('/jobs')), [401, 'pass_invalid']);
  assert.deepEqual(codeOf(await monitor.post(pathOf(link), 'audio', { 'content-type': 'audio/wav' })), NOT_FOUND);
  const { token } = (await admin.post(`/jobs/${held.id}/tokens`)).body;
  assert.deepEqual(codeOf(await monitor.get(`/links/${token.replace('tmt', 'tml')}`)), NOT_FOUND);
});

test('a link that is wrong, expired, revoked, or whose key was revoked gets the same response', async () => {
  const wrong = await monitor.get(`${pathOf(await linkTo()).slice(0, -1)}x`);
  assert.deepEqual(codeOf(wrong), NOT_FOUND);
  const expiring = await linkTo(admin, { expires_in_seconds: 60 });
  clock.jump(60_000);
  const revoked = await linkTo();
  assert.deepEqual((await admin.delete(`/links/${revoked.link_id}`)).body, { link_id: revoked.link_id, revoked: true });
  const { id, caller } = await keyOf({ role: 'read' });
  const orphan = await linkTo(caller);
  assert.equal((await monitor.get(pathOf(orphan))).status, 200);
  await admin.delete(`/keys/${id}`);
  for (const link of [expiring, revoked, orphan]) {
    const { status, body } = await monitor.get(pathOf(link));
    const { request_id: _, ...same } = body;
    const { request_id: __, ...as } = wrong.body;
    assert.deepEqual([status, same], [404, as]);
  }
});

test('the secret of a link is in no error, and links are revoked by their own key or an admin', async () => {
  const link = await linkTo();
  const text = link.url.split('/').at(-1)!;
  for (const { text: said } of [
    await monitor.call('PUT', `/api/v1/links/${text}`),
    await monitor.get(`/links/${text}/more`),
    await monitor.get(`/nothing/${text}`),
    await monitor.get(`/links/${text}x`),
  ]) {
    assert.ok(!said.includes(text), said);
  }
  const { caller } = await keyOf({ role: 'operate' });
  assert.deepEqual(codeOf(await caller.delete(`/links/${link.link_id}`)), NOT_FOUND);
  assert.deepEqual(codeOf(await monitor.delete(`/links/${link.link_id}`)), [401, 'key_required']);
  assert.equal((await monitor.get(pathOf(link))).status, 200);
});

test('a link for an upload takes one file of the size that it allows, and ends with it', async () => {
  const { caller } = await keyOf({ role: 'submit' });
  const link = (await caller.post('/uploads/links', { bytes_max: 5 })).body;
  const send = (body: string) => monitor.post(`${pathOf(link)}?name=a.wav`, body, { 'content-type': 'audio/wav' });
  assert.deepEqual(codeOf(await send('123456')), [413, 'upload_too_large']);
  const first = await send('12345');
  assert.deepEqual([first.status, first.body.file_name], [201, 'a.wav']);
  assert.deepEqual(codeOf(await send('12345')), NOT_FOUND);
  assert.equal((await caller.post('/jobs', { audio_url: first.body.audio_url })).status, 201);
});

test('of two uploads with one link at the same moment one is refused', async () => {
  const link = (await admin.post('/uploads/links')).body;
  const send = () => monitor.post(pathOf(link), 'audio', { 'content-type': 'audio/wav' });
  const statuses = (await Promise.all([send(), send()])).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [201, 404]);
});

test('links are for at most seven days, for jobs that the key sees, and made by keys that may', async () => {
  const week = 7 * 86_400;
  assert.equal((await admin.post('/uploads/links', { expires_in_seconds: week })).status, 201);
  assert.deepEqual(codeOf(await admin.post('/uploads/links', { expires_in_seconds: week + 1 })), [400, 'invalid_body']);
  const { caller: app } = await keyOf({ role: 'submit' });
  const other = await submit(admin);
  assert.deepEqual(codeOf(await app.post(`/jobs/${other.job_id}/links`, { for: 'transcript' })), [
    404,
    'job_not_found',
  ]);
  const { caller: reader } = await keyOf({ role: 'read' });
  assert.deepEqual(codeOf(await reader.post('/uploads/links')), [403, 'role_not_allowed']);
  const waiting = (await admin.post(`/jobs/${other.job_id}/links`, { for: 'transcript' })).body;
  assert.deepEqual(codeOf(await monitor.get(pathOf(waiting))), [404, 'transcript_not_found']);
  await admin.delete(`/jobs/${other.job_id}?purge=true`);
  assert.deepEqual(codeOf(await monitor.get(pathOf(waiting))), NOT_FOUND, 'an erased job');
});
