/** The list of jobs with 100,000 of them, changes of many at once, and progress as it is reported. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { buildDashboard } from '../../installation/built-dashboard.ts';
import type { TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { systemClock } from '../../server/clock.ts';
import { DirectoryStore } from '../../server/objects/directory.ts';
import { TestMonitor } from '../../server/views/testing-monitor.ts';
import { startTestMonitor, temporaryDirectory } from '../processes/tmon.ts';
import { openBrowser, openPage, skipped } from './browser.ts';

const JOBS = 100_000;
const NIGHTLY = 1_000;

/** All wait; every hundredth has the tag `nightly`. Returns the folder of the store. */
async function filled(): Promise<string> {
  const folder = temporaryDirectory({ after });
  const store = await DirectoryStore.open(folder, { lock: true });
  const monitor = await TestMonitor.open({ store, clock: systemClock });
  for (let at = 0; at < JOBS; at += 1_000) {
    const jobs = Array.from({ length: 1_000 }, (_, index) => {
      const number = String(at + index).padStart(6, '0');
      const tags = index % (JOBS / NIGHTLY) === 0 ? ['nightly'] : ['daily'];
      return { job_id: `job-${number}`, audio_url: `s3://bucket/talk-${number}.mp3`, duration_seconds: 600, tags };
    });
    await monitor.do({ type: 'submit_jobs', jobs });
  }
  await monitor.engine.stop();
  monitor.publisher.abandon();
  await store.close();
  return folder;
}

if (!skipped) await buildDashboard();
/** In a process of its own, with few views: those of 100,000 jobs would take minutes. */
const monitor = skipped
  ? null
  : await startTestMonitor({ after }, { store: `dir:${await filled()}`, view_puts_per_second: 1 });
const browser = skipped ? null : await openBrowser({ after });
const api = monitor?.api as TranscriptionAPI;

test('a list of 100,000 jobs draws only what is seen, loads more as one scrolls, and finds one of them', {
  skip: skipped,
}, async (t) => {
  const page = await openPage(t, browser!, monitor!.url);
  await page.goto('/jobs');
  const loaded = page.getByRole('status').filter({ hasText: 'loaded' });
  await page.getByRole('link', { name: 'talk-099999.mp3' }).waitFor();
  const rows = page.getByRole('rowgroup', { name: 'Rows' });
  const loadedJobs = async () =>
    Number(/([\d,]+) loaded/.exec((await loaded.textContent()) ?? '')![1]!.replaceAll(',', ''));
  await rows.focus();
  for (let round = 0; round < 5; round++) {
    const hasNotText = new RegExp(`^${(await loadedJobs()).toLocaleString('en-US')} loaded`);
    await page.keyboard.press('End');
    await loaded.filter({ hasNotText }).waitFor();
    assert.ok((await page.getByRole('row').count()) < 120);
  }
  const before = await loadedJobs();
  assert.ok(before >= 1_000, `${before} jobs are loaded`);
  await page.keyboard.press('/');
  await page.keyboard.type('talk-000042');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'talk-000042.mp3' }).waitFor();
  assert.equal(await page.getByRole('row').filter({ hasText: 'talk-' }).count(), 1);
});

test('1,000 jobs are cancelled by a filter, after the exact list was shown', { skip: skipped }, async (t) => {
  const page = await openPage(t, browser!, monitor!.url);
  await page.goto('/jobs?tag=nightly');
  await page.getByRole('link', { name: 'talk-099900.mp3' }).waitFor();
  await page.getByRole('button', { name: 'More for this list' }).click();
  await page.getByRole('menuitem', { name: /^Cancel all that match/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Cancel 1,000 jobs' });
  await dialog.getByText('job-099900').waitFor();
  assert.equal((await api.queues.main()).messages_visible, JOBS);
  await dialog.getByRole('button', { name: 'Cancel 1,000' }).click();
  await page.getByText('1,000 jobs cancelled.').waitFor();
  await page.getByRole('button', { name: 'Undo' }).waitFor();
  assert.equal((await api.queues.main()).messages_visible, JOBS - NIGHTLY);
  assert.equal((await api.jobs.get('job-099900')).state, 'CANCELLED');
  assert.equal((await api.jobs.get('job-099901')).state, 'QUEUED');
});

test('[A101] the bar and the status of a job follow what its worker reports', { skip: skipped }, async (t) => {
  await api.workers.register('worker-1', { capabilities: { model: 'large-v3' } });
  const [claimed] = (await api.workers.claim('worker-1')).jobs;
  const { job, lease } = claimed!;
  const page = await openPage(t, browser!, monitor!.url);
  await page.goto(`/jobs/${job.job_id}`);
  const bar = page.getByRole('progressbar', { name: 'Progress' });
  for (const [percentage, stage] of [
    [12, 'DOWNLOADING'],
    [45, 'TRANSCRIBING'],
    [99, 'UPLOADING'],
  ] as const) {
    await api.jobs.reportProgress(job.job_id, { lease_token: lease.token, percentage, stage });
    await page.locator(`[role="progressbar"][aria-valuenow="${percentage}"]`).waitFor();
    await page.getByText(stage).first().waitFor();
  }
  const segments = [{ id: 0, start_seconds: 0, end_seconds: 1, text: 'Hello.', confidence: 0.9 }];
  const transcript = { text: 'Hello.', language: 'en', duration_seconds: 1, engine: 'test', segments };
  const { already_there: _, ...output } = await api.jobs.putTranscript(job.job_id, lease.token, transcript);
  await api.jobs.complete(job.job_id, { lease_token: lease.token, output });
  await page.locator('[role="progressbar"][aria-valuenow="100"]').waitFor();
  assert.equal(await bar.count(), 1);
});
