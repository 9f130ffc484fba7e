/** The counts that `tmon recommend` multiplies by prices match a run. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { MEASURED } from '../../cli/recommend/cost.ts';
import { startCountingProxy } from '../servers/counting-proxy.ts';
import { startMoto } from '../servers/moto.ts';
import { countReporter, prepareSystems, URLS } from './reporters.ts';

const moto = await startMoto();
const proxy = await startCountingProxy(moto.endpoint);
after(async () => {
  await proxy.stop();
  await moto.stop();
});
await prepareSystems(proxy.endpoint);

for (const system of ['logs', 's3', 'dynamodb'] as const) {
  test(`[B146] ${system}: the requests of a job, a report and a check match the recorded counts`, async () => {
    const { bytes_per_job, bytes_per_report, ...requests } = await countReporter(URLS[system], proxy, 2, 3);
    const { bytes_per_job: jobBytes, bytes_per_report: reportBytes, ...counted } = MEASURED[system];
    assert.deepEqual(requests, counted);
    assert.ok(Math.abs(bytes_per_job - jobBytes) <= 0.1 * jobBytes, `${bytes_per_job}, not ${jobBytes}`);
    assert.ok(Math.abs(bytes_per_report - reportBytes) <= 0.1 * reportBytes, `${bytes_per_report}, not ${reportBytes}`);
  });
}
