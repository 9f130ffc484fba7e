/**
 * The dashboard as one role sees it: what it may not do is not offered. A page never sends a request that is refused, a page that
 * it may not see is not led to and says so, and every button that is there works.
 */
import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import type { KeyCreation } from '../../protocol/api-keys.ts';
import type { Cleaning } from '../processes/tmon.ts';
import type { JumpingClock } from '../servers/jumping-clock.ts';
import { ADMIN_KEY, type Monitor } from '../servers/monitor.ts';
import { claim, fail, register, submit } from '../servers/steps.ts';
import { openPage } from './browser.ts';

const FLEET = ['Workers', 'Queues', 'Alerts', 'Insights'];
const ADMINISTRATION = ['Keys', 'Sessions', 'Limits', 'Audit', 'Settings'];
const OF_JOBS = ['Cancel', 'Cancel …', 'Run again', 'Run again …'];
const OF_THE_FLEET = [
  ...['Acknowledge', 'Cancel all that wait', 'Drain', 'Launch worker', 'Remove all', 'Resolve', 'Restart'],
  ...['Restart worker', 'Run all again', 'Silence', 'Terminate'],
];

type Role = {
  key: KeyCreation;
  /** The menu, after the overview. */
  menu: readonly string[];
  /** Some of the buttons that change something; none: there is none at all. */
  offered: readonly string[];
};

export const ROLES: Readonly<Record<string, Role>> = {
  read: { key: { role: 'read' }, menu: ['Jobs', ...FLEET, 'Limits'], offered: [] },
  'read, one tag': { key: { role: 'read', tags: ['shop'] }, menu: ['Jobs'], offered: [] },
  submit: { key: { role: 'submit' }, menu: ['Jobs'], offered: OF_JOBS },
  'submit, one tag': { key: { role: 'submit', tags: ['shop'] }, menu: ['Jobs'], offered: OF_JOBS },
  worker: { key: { role: 'worker' }, menu: [], offered: [] },
  operate: { key: { role: 'operate' }, menu: ['Jobs', ...FLEET, 'Limits'], offered: [...OF_JOBS, ...OF_THE_FLEET] },
  admin: {
    key: { role: 'admin' },
    menu: ['Jobs', ...FLEET, ...ADMINISTRATION],
    offered: [...OF_JOBS, ...OF_THE_FLEET],
  },
};

/** The word on a button that changes something. */
const CHANGE =
  /^(Run again( …)?|Cancel( …|$)|Cancel all that wait|Run all again|Remove all|Restart( worker)?|Requeue|Drain|Terminate|Launch worker|Acknowledge|Silence|Resolve|Resume|Pause|Change|Add tenant|End|Send (again|a test))/;

export type Tour = {
  browser: Browser;
  monitor: Monitor;
  clock: JumpingClock;
  /** Every button is clicked. */
  act: boolean;
};

/** Throws if the role is offered what it may not do, or asks for it. */
export async function tourAs(t: Cleaning, { key, menu, offered }: Role, { browser, monitor, clock, act }: Tour) {
  const secret = (await monitor.withKey(ADMIN_KEY).post('/keys', key)).body.key as string;
  const jobs = await furnish(monitor, { clock, key: key.role === 'submit' ? secret : ADMIN_KEY });
  const page = await openPage(t, browser, monitor.url, { expected: act ? /40[49]/ : /404/ });
  const visit = visitor(page);
  const refused: string[] = [];
  page.on('response', (response) => {
    if ([401, 403].includes(response.status())) refused.push(`${response.request().method()} ${response.url()}`);
  });
  await page.goto('/');
  await page.getByLabel('API key').fill(secret);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  const links = page.getByRole('navigation', { name: 'Pages' }).first().getByRole('link');
  const names = (await links.evaluateAll((all) => all.map((link) => link.firstChild?.textContent))).slice(1);
  assert.deepEqual(names, ['Overview', ...menu]);
  const seen = new Map<string, string>();
  for (const path of ['/', '/jobs', `/jobs/${jobs.held}`, `/jobs/${jobs.failed}`, ...PATHS]) {
    const [, top = ''] = path.split(/[/?]/);
    const led = top === 'submit' ? offered.length > 0 : top === '' || menu.includes(capital(top));
    if (!led && path.includes('?')) continue;
    await visit(path);
    assert.equal(await page.getByText('You may not see this page').count(), led ? 0 : 1, path);
    for (const label of await changes(page)) if (!seen.has(label)) seen.set(label, path);
  }
  if (act) for (const [label, path] of seen) await use(page, { visit, label, path });
  assert.deepEqual(refused, [], 'requests that were refused');
  const absent = offered.filter((label) => !seen.has(label));
  assert.deepEqual(absent, [], `not offered; there is ${[...seen.keys()]}`);
  if (offered.length === 0) assert.deepEqual([...seen.keys()], []);
  await page.end();
}

const capital = (word: string): string => `${word.charAt(0).toUpperCase()}${word.slice(1)}`;

const PATHS = [
  '/workers',
  '/workers/worker-1',
  '/queues',
  '/queues?queue=dlq',
  '/alerts',
  '/alerts?tab=resolved',
  '/alerts?tab=silences',
  '/alerts?tab=rules',
  '/alerts?tab=policies',
  '/alerts?tab=deliveries',
  '/insights',
  '/insights?report=bottlenecks',
  '/keys',
  '/sessions',
  '/limits',
  '/audit',
  '/settings',
  '/submit',
];

/** A job under way, one that failed and one that waits, all of this key; and an alert that fires. */
async function furnish(
  monitor: Monitor,
  { clock, key }: { clock: JumpingClock; key: string },
): Promise<{ held: string; failed: string }> {
  const admin = monitor.withKey(ADMIN_KEY);
  const own = monitor.withKey(key);
  const started = async () => {
    await register(admin);
    const { job_id } = await submit(own, { tags: ['shop'] });
    return (await claim(admin, 'worker-1', 1_000)).find(({ id }) => id === job_id)!;
  };
  const failed = await started();
  await fail(admin, failed);
  const held = await started();
  await submit(own, { tags: ['shop'] });
  clock.jump(5_000);
  return { held: held.id, failed: failed.id };
}

/** Goes to a page within the document, and waits until it has all that it asked for. */
function visitor(page: Page): (path: string) => Promise<void> {
  let open = 0;
  let changed = Promise.withResolvers<void>();
  const count = (by: number) => () => {
    open += by;
    changed.resolve();
    changed = Promise.withResolvers();
  };
  page.on('request', count(1));
  page.on('requestfinished', count(-1));
  page.on('requestfailed', count(-1));
  return async (path) => {
    await page.evaluate(`history.pushState(null, '', ${JSON.stringify(path)})`);
    await page.locator('main h1').waitFor();
    do {
      while (open > 0) await changed.promise;
      await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    } while (open > 0 || (await page.locator('main [aria-busy="true"]').count()) > 0);
  };
}

async function changes(page: Page): Promise<string[]> {
  const all = page.locator('main').getByRole('button', { name: CHANGE });
  const selectable = page.getByRole('checkbox', { name: 'Select all loaded jobs' });
  if ((await selectable.count()) > 0) await selectable.check();
  return (await all.allTextContents()).map((text) => text.trim());
}

/** Clicks a button, and then the one that confirms it. */
async function use(
  page: Page,
  { visit, label, path }: { visit: (path: string) => Promise<void>; label: string; path: string },
): Promise<void> {
  await visit(path);
  await changes(page);
  const button = page.locator('main').getByRole('button', { name: label, exact: true }).first();
  // Gone by what was done before.
  if ((await button.count()) === 0 || (await button.isDisabled())) return;
  await button.click();
  await visit(path);
  const dialog = page.getByRole('dialog');
  if ((await dialog.count()) === 0) return;
  const confirm = dialog.locator('button[data-variant="filled"]').last();
  if (await confirm.isEnabled()) await confirm.click();
  await visit(path);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
}
