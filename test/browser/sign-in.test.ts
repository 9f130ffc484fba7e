/** Signing in and out in a browser: at a real identity provider, and with a key, of which the browser keeps nothing. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Page } from 'playwright-core';
import { buildDashboard } from '../../installation/built-dashboard.ts';
import { hashOfKey } from '../../server/access/secrets.ts';
import { CLIENT, IdentityProviderForTests } from '../servers/identity-provider.ts';
import { ADMIN_KEY, openMonitor } from '../servers/monitor.ts';
import { openBrowser, openPage, skipped } from './browser.ts';

if (!skipped) await buildDashboard();
const provider = skipped ? null : await IdentityProviderForTests.open({ after });
const settings = {
  oidc_issuer: provider?.issuer ?? '',
  oidc_name: 'Example Inc',
  oidc_client_id: CLIENT.id,
  oidc_client_secret: CLIENT.secret,
  oidc_roles: 'groups=ops:operate',
};
const monitor = skipped ? null : await openMonitor({ after }, { ...settings, admin_key_hash: hashOfKey(ADMIN_KEY) });
provider?.allow(`${monitor!.url}/api/v1/session/oidc/callback`);
provider?.accounts.set('ada', { email: 'ada@example.com', email_verified: true, groups: ['ops'] });
provider?.accounts.set('eve', { email: 'eve@example.com', email_verified: true });
const browser = skipped ? null : await openBrowser({ after });

/** On the pages of the provider. */
async function signIn(page: Page, account: string): Promise<void> {
  // They ask for a font of another site.
  await page.context().route('https://**', (route) => route.abort());
  await page.getByRole('link', { name: 'Sign in with Example Inc' }).click();
  await page.locator('input[name="login"]').fill(account);
  await page.locator('input[name="password"]').fill('any');
  await page.locator('button[type="submit"]').click();
  await page.locator('input[name="prompt"][value="consent"]').waitFor({ state: 'attached' });
  await page.locator('button[type="submit"]').click();
}

const kept = (page: Page): Promise<string> =>
  page.evaluate('JSON.stringify([location.href, document.cookie, { ...localStorage }, { ...sessionStorage }])');

test('somebody signs in at the provider, is back at the page of before, and signs out', {
  skip: skipped,
}, async (t) => {
  // What the page asked for just before it signed out may be refused.
  const page = await openPage(t, browser!, monitor!.url, {
    expected: new RegExp(`${provider!.issuer}|fonts.googleapis.com|status of 401`),
  });
  await page.goto('/jobs?state=FAILED');
  await signIn(page, 'ada');
  await page.getByText('ada@example.com, operate').waitFor();
  assert.equal(new URL(page.url()).pathname, '/jobs');
  assert.equal(new URL(page.url()).search, '?state=FAILED');
  assert.doesNotMatch(await kept(page), /tm[kt]_/);
  const [session] = (await monitor!.withKey(ADMIN_KEY).get('/sessions')).body.items;
  assert.equal(session.name, 'ada@example.com');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in to transcription-monitor' }).waitFor();
  assert.deepEqual((await monitor!.withKey(ADMIN_KEY).get('/sessions')).body.items, []);
});

test('who has no role reads why, and may try another account', { skip: skipped }, async (t) => {
  const page = await openPage(t, browser!, monitor!.url, { expected: /./ });
  await page.goto('/');
  await signIn(page, 'eve');
  await page.getByText('eve@example.com may not use this monitor').waitFor();
  await page.getByRole('link', { name: 'Sign in again' }).click();
  await page.locator('input[name="login"]').waitFor();
});

test('of a key that is pasted the browser keeps nothing, and another key finds nothing of the one before', {
  skip: skipped,
}, async (t) => {
  // What the page asked for just before it signed out may be refused.
  const page = await openPage(t, browser!, monitor!.url, { expected: /status of 401/ });
  await page.goto('/');
  const paste = async (key: string) => {
    await page.getByLabel('API key').fill(key);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  };
  await paste(ADMIN_KEY);
  await page.getByRole('link', { name: /^Workers/ }).waitFor();
  assert.doesNotMatch(await kept(page), /tm[kt]_/);
  await page.getByRole('button', { name: 'Sign out' }).click();
  const { key } = (await monitor!.withKey(ADMIN_KEY).post('/keys', { role: 'worker' })).body;
  await paste(key);
  await page.getByText('This key is for workers').waitFor();
  assert.equal(await page.getByRole('link', { name: /^Workers/ }).count(), 0);
});
