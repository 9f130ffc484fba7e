/**
 * Counts the requests of every system in a run and writes them to cli/recommend/measured.json: `node
 * test/requests/main.ts`. Takes five minutes, most of them watching an idle monitor.
 */
import { writeFile } from 'node:fs/promises';
import { startCountingProxy } from '../servers/counting-proxy.ts';
import { startMoto } from '../servers/moto.ts';
import { countMonitor } from './monitor.ts';
import { countReporter, prepareSystems, URLS } from './reporters.ts';

const FILE = new URL('../../cli/recommend/measured.json', import.meta.url);
/** One statement each: their cost is the machine's. */
const DATABASE = {
  requests_per_job: 2,
  requests_per_report: 1,
  bytes_per_job: 0,
  bytes_per_report: 0,
  requests_per_check: 1,
  requests_per_check_and_running_job: 0,
};

const moto = await startMoto();
const proxy = await startCountingProxy(moto.endpoint);
const ends: (() => void | Promise<void>)[] = [() => moto.stop(), () => proxy.stop()];
try {
  await prepareSystems(proxy.endpoint);
  const measured: Record<string, unknown> = {};
  for (const [name, url] of Object.entries(URLS)) {
    measured[name] = await countReporter(url, proxy);
    console.log(name, measured[name]);
  }
  measured.database = DATABASE;
  measured.full = await countMonitor({ after: (end) => ends.push(end) }, proxy);
  console.log('full', measured.full);
  await writeFile(FILE, `${JSON.stringify(measured, null, 2)}\n`);
} finally {
  for (const end of ends.reverse()) await end();
}
