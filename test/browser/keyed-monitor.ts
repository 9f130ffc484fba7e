/**
 * A monitor with keys, sessions, tenants and a day of changes, for the pages of administrators. Its time stands still at `END`, like
 * that of the busy fleet.
 */
import type { Page } from 'playwright-core';
import { hashOfKey } from '../../server/access/secrets.ts';
import type { Cleaning } from '../processes/tmon.ts';
import { ADMIN_KEY, openMonitor } from '../servers/monitor.ts';
import { END } from './busy-fleet.ts';
import { StandingClock } from './standing-clock.ts';

const MINUTE_MS = 60_000;
const KEYS = [
  { role: 'admin', name: 'ada' },
  { role: 'submit', name: 'web shop', tenant: 'shop', jobs_per_day: 5_000 },
  { role: 'worker', name: 'gpu-1', worker_id: 'gpu-1' },
  { role: 'submit', name: 'interviews of the northern archive, imported nightly', tags: ['interviews', 'northern'] },
  { role: 'read', name: 'Grafana' },
  { role: 'operate', name: 'ليلى' },
  { role: 'submit', name: 'an old script' },
] as const;
const TENANTS = {
  shop: { weight: 3, max_running: 8, jobs_per_day: 10_000 },
  court: { weight: 2, audio_hours_per_day: 40, upload_bytes_per_day: 20e9 },
  acme: { weight: 1, jobs_per_day: 12 },
};

export type KeyedMonitor = { url: string; signIn: (page: Page) => Promise<void> };

export async function openKeyedMonitor(t: Cleaning): Promise<KeyedMonitor> {
  const clock = new StandingClock(Date.parse(END) - 90 * MINUTE_MS);
  const settings = { key_requests_per_second: 200, admin_key_hash: hashOfKey(ADMIN_KEY) };
  const monitor = await openMonitor({ after: () => {} }, { clock, ...settings });
  const admin = monitor.withKey(ADMIN_KEY);
  const later = (minutes: number) => clock.turnTo(clock.now() + minutes * MINUTE_MS);
  const made: { id: string; key: string }[] = [];
  for (const creation of KEYS) {
    made.push((await admin.post('/keys', creation)).body);
    await later(3);
  }
  const [ada, shop, , , , leyla, old] = made.map(({ key }) => monitor.withKey(key));
  for (const [tenant, limits] of Object.entries(TENANTS)) await ada!.put(`/tenants/${tenant}`, limits);
  await leyla!.post('/session');
  for (const [index, file] of ['order-1841.mp3', 'order-1842.mp3', 'complaint.wav', 'call-back.wav'].entries()) {
    const { body } = await shop!.post('/jobs', { audio_url: `s3://shop/${file}`, duration_seconds: 600 });
    await later(4);
    if (index === 2) await leyla!.delete(`/jobs/${body.job_id}`);
  }
  for (let n = 0; n < 12; n += 1) await ada!.post('/jobs', { audio_url: `s3://acme/${n}.wav`, tenant: 'acme' });
  await ada!.post('/jobs', { audio_url: 's3://court/hearing.flac', tenant: 'court', duration_seconds: 16_200 });
  await old!.get('/jobs');
  await later(2);
  await ada!.delete(`/keys/${made[6]!.id}`);
  await ada!.post('/tenants/acme/pause');
  await clock.turnTo(Date.parse(END));
  clock.stand();
  t.after(() => {
    clock.go();
    void monitor.stop();
  });
  return {
    url: monitor.url,
    async signIn(page) {
      await page.goto('/');
      await page.getByLabel('API key').fill(made[0]!.key);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    },
  };
}
