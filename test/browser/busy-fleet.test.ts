/**
 * The dashboard with a busy fleet: every page for readers of screens, in both themes and on a phone, and the first things that
 * somebody wants to do, each in four clicks at most.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, type TestContext, test } from 'node:test';
import { buildDashboard } from '../../installation/built-dashboard.ts';
import { TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { problemsOfPages } from './accessible-pages.ts';
import { NARROW, openBrowser, openPage, skipped } from './browser.ts';
import { END, openBusyFleet } from './busy-fleet.ts';
import { Clicks } from './clicks.ts';

if (!skipped) await buildDashboard();
const fleet = skipped ? null : await openBusyFleet({ after });
const browser = skipped ? null : await openBrowser({ after });

// Both themes at both widths: `node test/browser/accessible-main.ts`.
test('axe-core finds no violation on any page, dark, on a narrow screen', { skip: skipped }, async (t) => {
  const problems = await problemsOfPages(t, { browser: browser!, fleet: fleet!, theme: 'dark', viewport: NARROW });
  assert.deepEqual(problems, {});
});

const CLICKS_MAX = 4;
const open = async (t: TestContext) => {
  const page = await openPage(t, browser!, fleet!.url, { time: END });
  await page.goto('/');
  await page.getByRole('heading', { name: 'Needs you' }).waitFor();
  return { page, clicks: new Clicks(page), api: new TranscriptionAPI({ baseUrl: fleet!.url }) };
};

test('the failed job of this morning is found and run again in four clicks', { skip: skipped }, async (t) => {
  const { page, clicks, api } = await open(t);
  const [failed] = (await api.jobs.list({ state: 'FAILED', limit: 1 }).page()).items;
  await clicks.link(/^Jobs/);
  await clicks.link(/^Failed/);
  await clicks.on(page.locator(`a[href="/jobs/${failed!.job_id}"]`));
  await clicks.button('Run again');
  await page.getByText('Back in the queue with new attempts.').waitFor();
  assert.equal((await api.jobs.get(failed!.job_id)).state, 'QUEUED');
  assert.ok(clicks.count <= CLICKS_MAX, `${clicks.count} clicks`);
});

test('why a job is slow is one click away', { skip: skipped }, async (t) => {
  const { page, clicks, api } = await open(t);
  const [slow] = (await api.jobs.list({ verdict: 'slow' }).page()).items;
  await clicks.on(page.getByRole('table').locator(`a[href="/jobs/${slow!.job_id}"]`));
  await page
    .getByText(/A minute of audio takes .*usually .* on this hardware/)
    .first()
    .waitFor();
  assert.ok(clicks.count <= CLICKS_MAX);
});

test('a worker is stopped gently in three clicks', { skip: skipped }, async (t) => {
  const { page, clicks, api } = await open(t);
  await clicks.link(/^gpu-east-02: active/);
  await clicks.button('Drain');
  await clicks.on(page.getByRole('dialog').getByRole('button', { name: 'Drain' }));
  await page.getByText('gpu-east-02 takes no more jobs, and stops when it has finished.').waitFor();
  assert.equal((await api.workers.get('gpu-east-02')).state, 'DRAINING');
  assert.ok(clicks.count <= CLICKS_MAX);
});

test('what yesterday cost is one click away', { skip: skipped }, async (t) => {
  const { page, clicks } = await open(t);
  await clicks.link('Insights');
  const yesterday = page.getByRole('row', { name: /^2026-11-26 \$\d+\.\d+/ });
  await yesterday.waitFor();
  assert.ok(clicks.count <= CLICKS_MAX);
});

test('a transcript is handed to a colleague in four clicks', { skip: skipped }, async (t) => {
  const { page, clicks } = await open(t);
  await page.keyboard.press('/');
  await page.keyboard.type('lost-keys');
  await page.keyboard.press('Enter');
  await clicks.on(page.getByRole('link', { name: 'lost-keys.wav' }));
  const downloading = page.waitForEvent('download');
  await clicks.link('Download as text');
  const download = await downloading;
  assert.equal(download.suggestedFilename(), 'lost-keys.txt');
  assert.match(await readFile(await download.path(), 'utf8'), /keys/);
  assert.ok(clicks.count <= CLICKS_MAX);
});

test('a search, a filter and a key lead to the address that shows the same again', { skip: skipped }, async (t) => {
  const { page } = await open(t);
  await page.keyboard.press('g');
  await page.keyboard.press('w');
  await page.waitForURL('**/workers');
  await page.getByText('Table', { exact: true }).click();
  await page.waitForURL('**/workers?view=table');
  await page.getByLabel('Name, machine, model or zone').fill('gpu-eu');
  await page.reload();
  assert.equal(await page.getByLabel('Name, machine, model or zone').inputValue(), 'gpu-eu');
  assert.equal(await page.getByRole('row', { name: /^gpu-eu-/ }).count(), 10);
  assert.equal(await page.getByRole('row', { name: /^gpu-west/ }).count(), 0);
  await page.goto('/jobs?state=COMPLETED');
  const current = page.locator('[role="row"][data-current]');
  await page.getByRole('row').nth(30).waitFor();
  for (let n = 0; n < 25; n += 1) await page.keyboard.press('j');
  const rowOf = async () => (await current.getByRole('link').getAttribute('href'))!.split('/').at(-1)!;
  // The row moves with each key, and the address follows the last one.
  let chosen = await rowOf();
  for (let still = 0; still < 10; ) {
    await page.waitForTimeout(50);
    const now = await rowOf();
    still = now === chosen && page.url().endsWith(`/jobs?state=COMPLETED&row=${now}`) ? still + 1 : 0;
    chosen = now;
  }
  await page.reload();
  await current.waitFor();
  assert.equal(await rowOf(), chosen);
});
