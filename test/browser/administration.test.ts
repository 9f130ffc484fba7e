/** Keys, sessions and the audit record in the dashboard: a secret is shown once, and is nowhere else. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { buildDashboard } from '../../installation/built-dashboard.ts';
import { hashOfKey } from '../../server/access/secrets.ts';
import { ADMIN_KEY, openMonitor } from '../servers/monitor.ts';
import { violationsOf } from './accessibility.ts';
import { openBrowser, openPage, skipped } from './browser.ts';

if (!skipped) await buildDashboard();
const monitor = skipped ? null : await openMonitor({ after }, { admin_key_hash: hashOfKey(ADMIN_KEY) });
const browser = skipped ? null : await openBrowser({ after });
const OF_AXE = /Applying inline style|style-src-elem blocks inline/;

test('a key is created with its limits, shown once, given a new secret and revoked; the record says so', {
  skip: skipped,
}, async (t) => {
  const page = await openPage(t, browser!, monitor!.url, { expected: OF_AXE });
  await page.goto('/keys');
  await page.getByLabel('API key').fill(ADMIN_KEY);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('No key counts').waitFor();
  await page.getByRole('button', { name: 'Create key' }).click();
  await page.getByLabel('What it is for').fill('web shop');
  await page.getByRole('combobox', { name: 'Only jobs with one of these tags' }).fill('shop');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  const shown = page.getByRole('dialog', { name: 'The key of web shop' });
  const secretIn = async () => /tmk_\w{11}_[0-9A-Za-z]{33}/.exec((await shown.textContent()) ?? '')![0];
  const first = await secretIn();
  assert.deepEqual(await violationsOf(page), []);
  await page.keyboard.press('Escape');
  assert.equal(await secretIn(), first, 'it is not closed by mistake');
  const session = (await monitor!.withKey(first).get('/session')).body;
  assert.deepEqual([session.role, session.tags], ['submit', ['shop']]);
  await page.getByRole('button', { name: 'I have copied it' }).click();
  await shown.waitFor({ state: 'detached' });
  const kept = 'JSON.stringify([location.href, document.body.innerHTML, { ...localStorage }, { ...sessionStorage }])';
  assert.doesNotMatch(String(await page.evaluate(kept)), /tmk_[0-9A-Za-z]{11}_/);

  const row = page.getByRole('row', { name: /web shop/ });
  await row.getByRole('button', { name: 'Rotate' }).click();
  await page.getByRole('combobox', { name: 'The present secret counts beside the new one' }).click();
  await page.getByRole('option', { name: 'not at all' }).click();
  await page.getByRole('button', { name: 'Make a new secret' }).click();
  const second = await secretIn();
  assert.notEqual(second, first);
  assert.equal((await monitor!.withKey(first).get('/jobs')).status, 401);
  assert.equal((await monitor!.withKey(second).get('/jobs')).status, 200);
  await page.getByRole('button', { name: 'I have copied it' }).click();
  await row.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog', { name: 'Revoke web shop' }).getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('web shop is revoked.').waitFor();
  assert.equal((await monitor!.withKey(second).get('/jobs')).body.code, 'key_revoked');
  await page.getByText('1 revoked or expired, too').click();
  await page.getByRole('row', { name: /web shop.*revoked/ }).waitFor();
  assert.equal(new URL(page.url()).search, '?show=all');

  await page.keyboard.press('g');
  await page.keyboard.press('d');
  for (const what of ['key revoked', 'key rotated', 'key created']) {
    await page.getByRole('row', { name: new RegExp(what) }).waitFor();
  }
  await page.getByRole('link', { name: 'key rotated' }).click();
  await page.getByRole('row', { name: /key created/ }).waitFor({ state: 'detached' });
  assert.equal(new URL(page.url()).search, '?event=KeyRotated');
  await page.getByRole('button', { name: 'Verify' }).click();
  await page.getByRole('dialog', { name: 'The record is intact' }).waitFor();
});

test('another browser is signed out', { skip: skipped }, async (t) => {
  const { key } = (await monitor!.withKey(ADMIN_KEY).post('/keys', { role: 'read', name: 'colleague' })).body;
  const { headers } = await monitor!.withKey(key).post('/session');
  const page = await openPage(t, browser!, monitor!.url);
  await page.goto('/sessions');
  await page.getByLabel('API key').fill(ADMIN_KEY);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('row', { name: /this browser/ }).waitFor();
  await page
    .getByRole('row', { name: /colleague/ })
    .getByRole('button', { name: 'Sign out' })
    .click();
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('colleague is signed out.').waitFor();
  const cookie = headers.get('set-cookie')!.split(';')[0]!;
  assert.equal((await monitor!.get('/jobs', { cookie, 'sec-fetch-site': 'same-origin' })).status, 401);
});

test('a tenant gets its limits, is paused and resumed; what it has used today is beside its limits', {
  skip: skipped,
}, async (t) => {
  const admin = monitor!.withKey(ADMIN_KEY);
  const page = await openPage(t, browser!, monitor!.url);
  await page.goto('/limits');
  await page.getByLabel('API key').fill(ADMIN_KEY);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Add tenant' }).click();
  await page.getByLabel('Id').fill('acme');
  await page.getByLabel('Jobs a day').fill('1000');
  await page.getByLabel('GB uploaded a day').fill('1.5');
  await page.getByRole('button', { name: 'Save' }).click();
  const row = page.getByRole('row', { name: /acme/ });
  await row.waitFor();
  const { body } = await admin.get('/tenants/acme');
  assert.deepEqual([body.jobs_per_day, body.upload_bytes_per_day, body.max_running], [1000, 1.5e9, null]);
  await admin.post('/jobs', { audio_url: 's3://bucket/a.mp3', tenant: 'acme' });
  await row.getByText('1 of 1,000').waitFor();
  await row.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('dialog', { name: 'Pause acme' }).getByRole('button', { name: 'Pause' }).click();
  await row.getByText('paused').waitFor();
  assert.equal((await admin.get('/tenants/acme')).body.paused, true);
  await row.getByRole('button', { name: 'Resume' }).click();
  await row.getByRole('button', { name: 'Pause' }).waitFor();
  assert.equal((await admin.get('/tenants/acme')).body.paused, false);
});
