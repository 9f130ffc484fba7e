/**
 * How often a store that breaks the promise of put-if-absent is refused or noticed, and what is lost:
 *
 *     node test/stores/broken-rule-main.ts [--tries 100] [--jobs 60] [--unseen] [--gateway]
 *
 * `--unseen`: the store behaves while it is checked; `--gateway`: versitygw behind a proxy, rather than a store in
 * memory.
 */
import { parseArgs } from 'node:util';
import { S3Store } from '../../server/objects/s3.ts';
import { createBucket, testBucket } from '../conformance/object-store-s3.ts';
import { gatewayCredentials, startGateway } from '../servers/s3-gateway.ts';
import type { TestServer } from '../servers/start.ts';
import { BreakingStore, startBreakingProxy } from './breaking-store.ts';
import { type Outcome, type Try, tryBrokenRule } from './broken-rule.ts';

const { values } = parseArgs({
  options: {
    tries: { type: 'string', default: '100' },
    jobs: { type: 'string', default: '60' },
    unseen: { type: 'boolean', default: false },
    gateway: { type: 'boolean', default: false },
  },
});
const jobs = Number(values.jobs);
const unseen = (key: string) => values.unseen && key.includes('doctor/');

const gateway = values.gateway ? await startGateway() : null;
if (gateway) await createBucket(gateway.endpoint, gatewayCredentials);

console.log('| once in | tries | refused at the start | noticed in use | not noticed | acknowledged | lost |');
console.log('|---|---|---|---|---|---|---|');
for (const once_in of [50, 500, 5_000]) {
  const outcomes: Record<Outcome, number> = { 'refused at the start': 0, 'noticed in use': 0, 'not noticed': 0 };
  let [acknowledged, lost] = [0, 0];
  for (let seed = 1; seed <= Number(values.tries); seed++) {
    const result = await (gateway ? onGateway(gateway, once_in, seed) : inMemory(once_in, seed));
    outcomes[result.outcome] += 1;
    acknowledged += result.acknowledged;
    lost += result.lost;
    if (result.lost > 0)
      console.error(`once in ${once_in}, seed ${seed}: ${result.lost} of ${result.acknowledged} lost`);
  }
  console.log(`| ${[once_in, values.tries, ...Object.values(outcomes), acknowledged, lost].join(' | ')} |`);
}
await gateway?.stop();

async function inMemory(once_in: number, seed: number): Promise<Try> {
  const store = new BreakingStore(1 / once_in, seed);
  store.behaves = unseen;
  return await tryBrokenRule(async () => store, { jobs });
}

async function onGateway({ endpoint }: TestServer, once_in: number, seed: number): Promise<Try> {
  const target = { endpoint, credentials: gatewayCredentials };
  const proxy = await startBreakingProxy(target, { breaks: 1 / once_in, seed, behaves: unseen });
  const client = { endpoint: proxy.endpoint, region: 'us-east-1', credentials: gatewayCredentials };
  try {
    return await tryBrokenRule(() => S3Store.open({ bucket: testBucket, prefix: `${once_in}/${seed}`, client }), {
      jobs,
    });
  } finally {
    await proxy.stop();
  }
}
