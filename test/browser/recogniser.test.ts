/** The dashboard beside a real worker with a real recogniser: from a dropped recording to its line that is heard. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { PACKAGED_FASTER_WHISPER } from '../../agent/engines/faster-whisper.ts';
import { buildDashboard } from '../../installation/built-dashboard.ts';
import { startCuttingProxy } from '../faults/cutting-proxy.ts';
import { startTestMonitor, startTmon } from '../processes/tmon.ts';
import { openBrowser, openPage, skipped } from './browser.ts';

const RECORDING = new URL('../../examples/audio/house-viewing.wav', import.meta.url);
/** Reports its first chunk, and then nothing. */
const HANGING = `exec:sh -c 'echo "chunk 1/4"; exec sleep 60' sh {input} {output}`;
/** The lease of a killed worker does not end during the test, so that only its silence is noticed. */
const PATIENT = { lease_ms: 600_000, worker_lost_ms: 600_000, worker_degraded_ms: 300_000 };

if (!skipped) await buildDashboard();
const browser = skipped ? null : await openBrowser({ after });

test('a recording that is dropped on the page becomes a transcript, and a line that is clicked is heard', {
  skip: skipped,
}, async (t) => {
  const monitor = await startTestMonitor(t);
  startTmon(t, ['worker', '--server', monitor.url, '--engine', PACKAGED_FASTER_WHISPER, '--id', 'worker-1']);
  const page = await openPage(t, browser!, monitor.url);
  await page.goto('/submit');
  const recording = (await readFile(RECORDING)).toString('base64');
  const dataTransfer = await page.evaluateHandle(`(() => {
    const bytes = Uint8Array.from(atob(${JSON.stringify(recording)}), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], 'house-viewing.wav', { type: 'audio/wav' }));
    transfer.items.add(new File(['no audio'], 'notes.txt', { type: 'text/plain' }));
    return transfer;
  })()`);
  await page.getByRole('region', { name: 'Drop recordings here' }).dispatchEvent('drop', { dataTransfer });
  await page.getByText('1 files are left out: they are no recordings.').waitFor();
  const row = page.getByRole('listitem').filter({ hasText: 'house-viewing.wav' });
  await row.getByRole('link', { name: 'house-viewing.wav' }).click();
  // The bar moves while the recogniser works, to its end.
  const bar = page.getByRole('progressbar', { name: 'Progress' });
  await bar.waitFor();
  await page.locator('[role="progressbar"][aria-valuenow="100"]').waitFor({ timeout: 150_000 });
  const lines = page.getByRole('group', { name: 'Segments' }).getByRole('button');
  const line = lines.filter({ hasText: /three rooms and a garden/i }).first();
  await line.waitFor();
  const clicked = Math.floor((await lines.count()) / 2);
  assert.ok(clicked >= 1);
  const [, start = ''] = /^(\d+:\d\d)/.exec((await lines.nth(clicked).textContent()) ?? '') ?? [];
  const seconds = (text: string) => text.split(':').reduce((sum, part) => 60 * sum + Number(part), 0);
  assert.ok(seconds(start) > 2, start);
  // It is heard from there on, once the recording is loaded; a click before that is made again.
  const place = page.getByText(/^\d+:\d\d \/ \d+:\d\d$/);
  const now = async () => seconds(((await place.textContent()) ?? '').split(' / ')[0]!);
  while ((await now()) < seconds(start)) {
    await lines.nth(clicked).click();
    await setTimeout(500);
  }
  // The line that is heard is marked; that may be a later one by now.
  const followed = page.getByRole('group', { name: 'Segments' }).locator('[aria-current="true"]').first();
  const [, heard = ''] = /^(\d+:\d\d)/.exec((await followed.textContent()) ?? '') ?? [];
  assert.ok(seconds(heard) >= seconds(start), `${heard} is before ${start}`);
  await page.end();
});

test('a worker that is killed is said to be dead, and its job is requeued by the button', {
  skip: skipped,
}, async (t) => {
  const first = await startTestMonitor(t, PATIENT);
  const worker = startTmon(t, ['worker', '--server', first.url, '--engine', HANGING, '--id', 'worker-1']);
  const { audio_url } = await first.api.uploads.create({ name: 'house-viewing.wav', body: await readFile(RECORDING) });
  const { id } = await first.api.jobs.submit({ audio_url });
  for await (const { percentage } of first.api.jobs.watch(id)) if (percentage > 0) break;
  worker.kill('SIGKILL');
  await worker.ended;
  await first.stop();
  // After a start silence counts when one lease time has passed.
  const monitor = await startTestMonitor(t, { ...PATIENT, lease_ms: 1_000, store: `dir:${first.directory}` });
  const page = await openPage(t, browser!, monitor.url);
  await page.goto('/');
  const running = page.getByRole('row', { name: /^house-viewing\.wav worker-1/ });
  await running.waitFor();
  const finding = page.getByRole('listitem').filter({ hasText: /house-viewing\.wav|worker-1/ });
  await finding
    .filter({ hasText: /dead|silent|Nothing was heard/ })
    .first()
    .waitFor({ timeout: 120_000 });
  await finding.first().getByRole('button', { name: 'Requeue' }).click();
  await running.waitFor({ state: 'detached' });
  assert.equal((await monitor.api.jobs.get(id)).state, 'QUEUED');
  await page.end();
});

test('a page whose monitor is killed says so, and goes on without a reload when it is back', {
  skip: skipped,
}, async (t) => {
  const monitor = await startTestMonitor(t);
  const submit = (name: string) => monitor.api.jobs.submit({ audio_url: `s3://bucket/${name}` });
  await submit('before.wav');
  const expected = /WebSocket|ERR_CONNECTION_REFUSED|Failed to load resource/;
  const page = await openPage(t, browser!, monitor.url, { expected });
  await page.goto('/jobs');
  await page.getByRole('link', { name: 'before.wav' }).waitFor();
  await page.evaluate('window.loadedOnce = true');
  await monitor.kill();
  await page.getByText('The monitor does not respond.').waitFor();
  await monitor.restart();
  await submit('meanwhile-1.wav');
  await submit('meanwhile-2.wav');
  for (const name of ['meanwhile-1.wav', 'meanwhile-2.wav']) await page.getByRole('link', { name }).waitFor();
  await page.getByText('The monitor does not respond.').waitFor({ state: 'detached' });
  await submit('after.wav');
  await page.getByRole('link', { name: 'after.wav' }).waitFor();
  assert.equal(await page.evaluate('window.loadedOnce'), true);
  assert.equal(await page.getByRole('row').filter({ hasText: '.wav' }).count(), 4);
  await page.end();
});

test('a page whose network is cut says so once silence has lasted, and misses nothing when it is back', {
  skip: skipped,
}, async (t) => {
  const monitor = await startTestMonitor(t);
  const network = await startCuttingProxy(t, monitor.url);
  const submit = (name: string) => monitor.api.jobs.submit({ audio_url: `s3://bucket/${name}` });
  await submit('before.wav');
  const page = await openPage(t, browser!, network.url, { expected: /WebSocket|ERR_|Failed to load resource/ });
  await page.clock.install();
  await page.goto('/jobs');
  await page.getByRole('link', { name: 'before.wav' }).waitFor();
  await page.evaluate('window.loadedOnce = true');
  network.cut();
  await submit('meanwhile.wav');
  // No connection is closed: a ping that gets no response shows it.
  await page.clock.runFor('01:00');
  await page.getByText('The monitor does not respond.').waitFor();
  network.heal();
  await page.clock.runFor('00:30');
  await page.getByRole('link', { name: 'meanwhile.wav' }).waitFor();
  await page.getByText('The monitor does not respond.').waitFor({ state: 'detached' });
  await submit('after.wav');
  await page.getByRole('link', { name: 'after.wav' }).waitFor();
  assert.equal(await page.evaluate('window.loadedOnce'), true);
  await page.end();
});
