/** Signing in at an identity provider, a real one; it ends in a session, or in a page that says what is wrong. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { FeedClient } from '../../../test/servers/feed-client.ts';
import { Browser, CLIENT, IdentityProviderForTests } from '../../../test/servers/identity-provider.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { submit } from '../../../test/servers/steps.ts';
import { systemClock } from '../../clock.ts';
import { MemoryStore } from '../../objects/memory.ts';

/** As several instances see a bucket. */
class Bucket extends MemoryStore {
  override readonly shared = true;
}

const clock = new JumpingClock();
const store = new Bucket(clock);
const provider = await IdentityProviderForTests.open({ after });
const SETTINGS = {
  oidc_issuer: provider.issuer,
  oidc_client_id: CLIENT.id,
  oidc_client_secret: CLIENT.secret,
  oidc_roles: 'groups=tmon-admins:admin, groups=shop:submit, groups=acme:read@acme, email=*@example.com:read',
  tail_poll_ms: 20,
  clock,
  objects: store,
};
const monitor = await openMonitor({ after }, SETTINGS);
const CALLBACK = '/api/v1/session/oidc/callback';
const START = `${monitor.url}/api/v1/session/oidc`;
provider.allow(`${monitor.url}${CALLBACK}`);
provider.accounts.set('ada', { email: 'ada@example.com', email_verified: true, groups: ['staff', 'tmon-admins'] });
provider.accounts.set('bob', { email: 'Bob@Example.com', email_verified: true });
provider.accounts.set('shop', { groups: ['shop'] });
provider.accounts.set('amy', { groups: ['acme'] });
provider.accounts.set('eve', { email: 'eve@evil.example', groups: ['secret-group'] });
provider.accounts.set('mal', { email: 'mal@example.com', email_verified: false });

const OWN_PAGE = { 'sec-fetch-site': 'same-origin' };
const isCallback = (to: string) => to.startsWith(`${monitor.url}${CALLBACK}`);

/** Requests of a page of the monitor, in a browser that is signed in. */
function pageOf(browser: Browser) {
  const cookie = [...browser.cookiesOf(monitor.url)].map(([name, value]) => `${name}=${value}`).join('; ');
  const headers = { cookie, ...OWN_PAGE };
  return {
    headers,
    get: (path: string) => monitor.get(path, headers),
    post: (path: string, body?: unknown) => monitor.post(path, body, headers),
    delete: (path: string) => monitor.delete(path, headers),
  };
}

async function signedIn(account: string) {
  const browser = new Browser();
  const page = await browser.signIn(START, account);
  assert.equal(page.url, `${monitor.url}/`, page.text);
  return pageOf(browser);
}

const refusal = async (path: string, account: string) => {
  const page = await new Browser().signIn(`${START}${path}`, account);
  return { status: page.status, text: page.text.replace(/<style.*<\/style>/s, ''), page };
};

describe('with an identity provider', () => {
  test('every request needs a key or a session, although there is no key', async () => {
    const { status, body } = await monitor.get('/jobs');
    assert.deepEqual([status, body.code], [401, 'key_required']);
    const session = (await monitor.get('/session')).body;
    assert.deepEqual(session.provider, { name: new URL(provider.issuer).host, path: '/api/v1/session/oidc' });
    assert.deepEqual([session.keys_required, session.signed_in, session.role], [true, false, null]);
  });

  test('who signs in has the role of the first rule that matches, in a session like that of a key', async () => {
    const browser = new Browser();
    const page = await browser.signIn(`${START}?to=%2Fjobs%3Fstate%3DFAILED`, 'ada');
    assert.equal(page.url, `${monitor.url}/jobs?state=FAILED`);
    assert.deepEqual([...browser.cookiesOf(monitor.url).keys()], ['tmon_session']);
    const { get, post } = pageOf(browser);
    const { body } = await get('/session');
    assert.deepEqual([body.role, body.name, body.key_id, body.signed_in], ['admin', 'ada@example.com', null, true]);
    assert.ok(body.expires_at);
    assert.equal((await post('/keys', { role: 'worker' })).status, 201, 'an admin is let in by the provider');
    const [entry] = (await get('/audit?event=KeyCreated')).body.items;
    assert.deepEqual([entry.actor, entry.key_id, entry.address], ['user:ada@example.com', null, '127.0.0.1']);
  });

  test('an email address matches in any case, and groups that only the user info has count', async () => {
    const { body } = await (await signedIn('bob')).get('/session');
    assert.deepEqual([body.role, body.name], ['read', 'Bob@Example.com']);
  });

  test('a page of another site makes nobody sign in, and who signs in again leaves the session before', async () => {
    for (const site of ['cross-site', 'same-site']) {
      const page = await new Browser().open(`${START}?to=%2Fjobs`, { site });
      assert.equal(page.url, `${monitor.url}/jobs`);
    }
    const browser = new Browser();
    await browser.signIn(START, 'ada');
    const before = pageOf(browser);
    assert.equal((await before.get('/jobs')).status, 200);
    await browser.signIn(START, 'ada');
    assert.equal((await before.get('/jobs')).status, 401);
    assert.equal((await pageOf(browser).get('/jobs')).status, 200);
  });

  test('someone of the role submit sees only their own jobs', async () => {
    const shop = await signedIn('shop');
    const job = await shop.post('/jobs', { audio_url: 's3://bucket/a.mp3' });
    assert.equal(job.status, 201, job.text);
    const ada = await signedIn('ada');
    assert.equal((await ada.post('/jobs', { audio_url: 's3://bucket/b.mp3' })).status, 201);
    const seen = (await shop.get('/jobs')).body.items.map(({ job_id }: { job_id: string }) => job_id);
    assert.deepEqual(seen, [job.body.job_id]);
  });

  test('someone of a tenant sees the jobs of this tenant alone, and not the fleet', async () => {
    const amy = await signedIn('amy');
    const ada = await signedIn('ada');
    const { job_id } = (await ada.post('/jobs', { audio_url: 's3://bucket/c.mp3', tenant: 'acme' })).body;
    const seen = (await amy.get('/jobs')).body.items.map((job: { job_id: string }) => job.job_id);
    assert.deepEqual(seen, [job_id]);
    assert.deepEqual([(await amy.get('/session')).body.tenant, (await amy.get('/workers')).status], ['acme', 403]);
  });

  test('a session counts at another instance of the bucket, and the browser may return to another one', async (t) => {
    const other = await openMonitor(t, { ...SETTINGS, tail_poll_ms: 3_600_000 });
    const browser = new Browser();
    const page = await browser.signIn(START, 'ada', { stop: isCallback });
    const returned = page.url.replace(monitor.url, other.url);
    browser.cookies.set(other.url, browser.cookiesOf(monitor.url));
    // The redirect URI is part of what the provider compares, so both are reached under one name.
    const behind = await openMonitor(t, { ...SETTINGS, oidc_redirect_origin: monitor.url });
    browser.cookies.set(behind.url, browser.cookiesOf(monitor.url));
    const end = await browser.open(returned.replace(other.url, behind.url));
    assert.equal(end.url, `${behind.url}/`, end.text);
    const cookie = `tmon_session=${browser.cookiesOf(behind.url).get('tmon_session')}`;
    const { body } = await other.get('/session', { cookie, ...OWN_PAGE });
    assert.equal(body.name, 'ada@example.com');
  });

  test('a session ends by signing out, by an admin, and by its time; its sockets are closed', async (t) => {
    const ada = await signedIn('ada');
    const bob = await signedIn('bob');
    const listed = (await ada.get('/sessions')).body.items as { id: string; name: string; own: boolean }[];
    assert.equal(listed.find(({ own }) => own)?.name, 'ada@example.com');
    const open = { ...bob.headers, origin: monitor.url };
    const socket = await FeedClient.open(t, monitor.url, undefined, open);
    const { ticket } = (await bob.post('/tickets')).body;
    const by_ticket = await FeedClient.open(t, `${monitor.url}?ticket=${ticket}`);
    const target = listed.find(({ name }) => name === 'Bob@Example.com')!;
    assert.equal((await bob.get('/sessions')).status, 403);
    assert.equal((await ada.delete(`/sessions/${target.id}`)).body.name, 'Bob@Example.com');
    assert.equal((await ada.delete(`/sessions/${target.id}`)).body.code, 'session_not_found');
    assert.deepEqual([(await socket.closed).code, (await by_ticket.closed).code], [4001, 4001]);
    assert.equal((await bob.get('/jobs')).status, 401);
    const again = await signedIn('bob');
    assert.equal((await again.delete('/session')).status, 200);
    assert.equal((await again.get('/jobs')).status, 401);
    clock.jump(12 * 3_600_000);
    assert.equal((await ada.get('/jobs')).status, 401);
  });

  test('a session cannot be prolonged by itself, and ends with the provider in the settings', async (t) => {
    const ada = await signedIn('ada');
    assert.equal((await ada.post('/session')).body.code, 'key_needed');
    const { key } = (await ada.post('/keys', { role: 'admin' })).body;
    const without = await openMonitor(t, { clock, objects: store, tail_poll_ms: 20 });
    assert.equal((await without.get('/jobs', ada.headers)).status, 401);
    assert.equal((await without.withKey(key).get('/jobs')).status, 200);
  });

  test('the keys of the provider may change at any time', async () => {
    await signedIn('ada');
    provider.rotateKeys();
    await signedIn('ada');
  });
});

describe('a page says what is wrong, and leads on', () => {
  test('nobody is let in whom no rule matches: it names the claims, and no group of others', async () => {
    const { status, text } = await refusal('', 'eve');
    assert.equal(status, 403);
    assert.match(text, /eve@evil\.example may not use this monitor/i);
    assert.match(text, /“groups”, whose values match no rule; at “email”, whose values match no rule/);
    assert.doesNotMatch(text, /tmon-admins|secret-group|\*@example/);
    assert.match(text, /href="\/api\/v1\/session\/oidc\?again"/);
  });

  test('an email address that is not verified counts for nothing, and a claim that is absent is named', async () => {
    const { status, text } = await refusal('', 'mal');
    assert.equal(status, 403);
    assert.match(text, /“groups”, which was not sent; at “email”, which the provider says is not verified/);
    assert.doesNotMatch(text, /mal@example\.com/);
  });

  test('another nonce or state than that of this browser is refused, and so is a browser that began nothing', async () => {
    const nonce = new Browser();
    provider.onAuthorization = (parameters) => parameters.set('nonce', 'n'.repeat(43));
    const replayed = await nonce.signIn(START, 'ada');
    provider.onAuthorization = () => {};
    assert.deepEqual([replayed.status, nonce.cookiesOf(monitor.url).size], [400, 0]);
    assert.match(replayed.text, /does not belong to this sign-in/);
    const state = new Browser();
    const returned = await state.signIn(START, 'ada', { stop: isCallback });
    const forged = await state.open(returned.url.replace(/state=[^&]+/, `state=${'s'.repeat(43)}`));
    assert.deepEqual([forged.status, state.cookiesOf(monitor.url).size], [400, 0]);
    const stolen = await new Browser().open(returned.url);
    assert.equal(stolen.status, 400);
    assert.match(stolen.text, /not begun in this browser/);
    for (const text of ['', 'e30', Buffer.from('{"state":1}').toString('base64url')]) {
      const odd = new Browser();
      odd.cookiesOf(monitor.url).set('tmon_sign_in', text);
      assert.equal((await odd.open(returned.url)).status, 400, text);
    }
  });

  test('a code that has expired, or was used, is refused', async () => {
    const browser = new Browser();
    const returned = await browser.signIn(START, 'ada', { stop: isCallback });
    for (const name of provider.stored.keys()) if (name.startsWith('AuthorizationCode:')) provider.stored.delete(name);
    const page = await browser.open(returned.url);
    assert.equal(page.status, 400);
    assert.match(page.text, /no longer accepts this sign-in.*Sign in again/s);
  });

  test('what the provider refuses is shown as text, never as HTML', async () => {
    const browser = new Browser();
    const { url } = await browser.signIn(START, 'ada', { stop: isCallback });
    const state = new URL(url).searchParams.get('state')!;
    const query = new URLSearchParams({ error: 'access_denied', error_description: '<img src=x>', state });
    query.set('iss', provider.issuer);
    const page = await browser.open(`${monitor.url}${CALLBACK}?${query}`);
    assert.equal(page.status, 403);
    assert.match(page.text, /access_denied: &lt;img src=x&gt;/);
    assert.match(page.headers.get('content-security-policy')!, /^default-src 'self'; style-src 'self' 'nonce-/);
  });

  test('it leads to a page of the monitor and nowhere else', async () => {
    for (const to of [
      'https://evil.example/',
      '//evil.example/jobs',
      '/\\evil.example',
      '/\t/evil.example',
      '/.//evil.example',
      '/jobs/../..//evil.example',
      'jobs',
      '/api/v1/session/oidc',
      'javascript:alert(1)',
      '/nothing',
    ]) {
      const page = await new Browser().open(`${START}?to=${encodeURIComponent(to)}`);
      assert.deepEqual([page.status, page.headers.get('location')], [400, null], to);
      assert.match(page.text, /not the path of a page/, to);
    }
  });

  test('a provider that is down, and comes back', async (t) => {
    const late = await IdentityProviderForTests.open(t);
    const settings = { ...SETTINGS, objects: new MemoryStore(systemClock), oidc_issuer: late.issuer };
    const away = await openMonitor(t, settings);
    late.allow(`${away.url}${CALLBACK}`);
    late.accounts.set('ada', { groups: ['tmon-admins'] });
    const browser = new Browser();
    const { url } = await browser.signIn(`${away.url}/api/v1/session/oidc`, 'ada', {
      stop: (to) => to.startsWith(`${away.url}${CALLBACK}`),
    });
    await late.stop();
    const gone = await browser.open(url);
    assert.equal(gone.status, 503);
    assert.match(gone.text, /does not respond.*Try again/s);
    const nothing = { ...settings, oidc_issuer: 'http://127.0.0.1:9' };
    const never = await openMonitor(t, { ...nothing, objects: new MemoryStore(systemClock) });
    const page = await new Browser().open(`${never.url}/api/v1/session/oidc`);
    assert.equal(page.status, 503);
    assert.doesNotMatch(page.text, /ECONNREFUSED/);
  });

  test('a wrong client secret is for the administrator', async (t) => {
    const other = await openMonitor(t, { ...SETTINGS, oidc_redirect_origin: monitor.url, oidc_client_secret: 'wrong' });
    const browser = new Browser();
    const { url } = await browser.signIn(START, 'ada', { stop: isCallback });
    browser.cookies.set(other.url, browser.cookiesOf(monitor.url));
    const page = await browser.open(url.replace(monitor.url, other.url));
    assert.equal(page.status, 503);
    assert.match(page.text, /refused the monitor: .*oidc_client_id/s);
  });

  test('a monitor without a provider says so', async (t) => {
    const plain = await openMonitor(t);
    const page = await new Browser().open(`${plain.url}/api/v1/session/oidc`);
    assert.equal(page.status, 404);
    assert.match(page.text, /Sign in with a key/);
    assert.equal((await plain.get('/session')).body.provider, null);
    assert.equal((await submit(plain)).state, 'QUEUED');
  });
});
