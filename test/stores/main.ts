/**
 * The measurements of stores in docs/stores.md: the check's verdict, the truth by an independent racer, and the speed.
 *
 *     node test/stores/main.ts [--programs DIR] [--only NAME] [--directories /mnt/ext4,/mnt/xfs] [--keys 200]
 *
 * It runs the servers it finds (test/stores/servers.ts), and the directories that are named. A few minutes; not part of
 * npm test.
 */
import { parseArgs } from 'node:util';
import { systemClock } from '../../server/clock.ts';
import { checkStore, quickCheck, servingCheck } from '../../server/objects/check-store.ts';
import { knownStore } from '../../server/objects/known-stores.ts';
import { openStore } from '../../server/objects/open-store.ts';
import { S3Store } from '../../server/objects/s3.ts';
import type { ObjectStore } from '../../server/objects/store.ts';
import { createBucket, testBucket } from '../conformance/object-store-s3.ts';
import { raceFor } from './racer.ts';
import { credentials, type StoreServer, serversIn } from './servers.ts';

const { values } = parseArgs({
  options: {
    programs: { type: 'string', default: '/usr/local/bin' },
    only: { type: 'string', default: '' },
    directories: { type: 'string', default: '' },
    keys: { type: 'string', default: '200' },
  },
});
const SPEED_MS = 3_000;

console.log(
  '| store | known as | check of 32 writers, 50 keys | one winner, of races of 32 | most winners | puts/s | p50 ms | p99 ms |',
);
console.log('|---|---|---|---|---|---|---|---|');
for (const server of serversIn(values.programs)) {
  if (!server.name.includes(values.only)) continue;
  try {
    console.log(`| ${(await measureServer(server)).join(' | ')} |`);
  } catch (error) {
    console.log(`| ${server.name} | could not be measured: ${String(error).split('\n')[0]} |`);
  }
}
for (const directory of values.directories.split(',').filter((path) => path !== '')) {
  try {
    console.log(`| ${(await measureDirectory(directory)).join(' | ')} |`);
  } catch (error) {
    console.log(`| dir:${directory} | refused: ${String(error).split('\n')[0]} |`);
  }
}

async function measureServer({ name, start }: StoreServer): Promise<(string | number)[]> {
  const { endpoint, stop } = await start();
  try {
    await createBucket(endpoint, credentials);
    const client = { endpoint, region: 'us-east-1', credentials };
    const store = await S3Store.open({ bucket: testBucket, prefix: 'measured', client });
    const known = knownStore(await store.identify());
    const { passed, findings } = await checkStore(store, servingCheck);
    const failed = findings.find(({ verdict }) => verdict === 'fail' || verdict === 'unfinished');
    const truth = await raceFor({ endpoint, bucket: testBucket, credentials }, Number(values.keys));
    const row = [
      name,
      known ? `${known.name}: ${known.verdict}` : 'not known',
      passed ? 'passes' : `fails: ${failed?.says}`,
      `${truth.one_winner} of ${truth.keys}`,
      truth.most_winners,
      ...(await speedOf(store)),
    ];
    await store.close();
    return row;
  } finally {
    await stop();
  }
}

async function measureDirectory(path: string): Promise<(string | number)[]> {
  const store = await openStore(`dir:${path}/tmon-measured`, { clock: systemClock, lock: true });
  const { passed, findings } = await checkStore(store, quickCheck);
  const failed = findings.find(({ verdict }) => verdict === 'fail');
  const row = [`dir:${path}`, '', passed ? 'passes' : `fails: ${failed?.says}`, '', '', ...(await speedOf(store))];
  await store.close();
  return row;
}

/** One put after the other, like the journal's. */
async function speedOf(store: ObjectStore): Promise<number[]> {
  const bytes = new Uint8Array(800).fill(120);
  const took: number[] = [];
  const run = Date.now();
  const began_ms = systemClock.monotonic();
  for (let n = 0; systemClock.monotonic() - began_ms < SPEED_MS; n++) {
    const put_ms = systemClock.monotonic();
    await store.putIfAbsent(`speed/${run}/${String(n).padStart(8, '0')}`, bytes);
    took.push(systemClock.monotonic() - put_ms);
  }
  took.sort((a, b) => a - b);
  const at = (part: number) => Math.round((took[Math.floor(took.length * part)] ?? 0) * 10) / 10;
  return [Math.round((took.length * 1000) / SPEED_MS), at(0.5), at(0.99)];
}
