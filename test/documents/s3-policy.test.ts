/** The policy that docs/s3.md prints allows what the monitor does with its bucket, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BucketProbe } from '../../server/rights/bucket-probe.ts';
import { storeRights } from '../../server/rights/store-rights.ts';
import { blocksOf } from './blocks.ts';

type Statement = { Action: string | string[]; Resource: string };
const block = blocksOf('docs/s3.md').find(({ language }) => language === 'json')!;
const { Statement: statements } = JSON.parse(block.text) as { Statement: Statement[] };

/** No right is tried: only its action and its resource are compared. */
const PROBE = { bucket: 'my-transcriptions', prefix: 'tmon/' } as BucketProbe;
const NEEDED = storeRights(PROBE, 'aws').filter(({ expected }) => expected === 'allowed');

const allows = ({ Action, Resource }: Statement, action: string, resource: string): boolean =>
  [Action].flat().includes(action) &&
  (resource === Resource || (Resource.endsWith('*') && resource.startsWith(Resource.slice(0, -1))));

test('every right that tmon doctor --aws asks for is in the policy', () => {
  assert.ok(NEEDED.length > 15);
  const missing = NEEDED.filter(({ action, resource }) => !statements.some((one) => allows(one, action, resource)));
  assert.deepEqual(
    missing.map(({ action, resource }) => `${action} ${resource}`),
    [],
  );
});

test('the policy has no action that the monitor does not need, and no resource beyond its prefix', () => {
  const needed = new Set(NEEDED.map(({ action }) => action));
  for (const { Action, Resource } of statements) {
    for (const action of [Action].flat()) assert.ok(needed.has(action), action);
    assert.match(Resource, /^arn:aws:s3:::my-transcriptions(?:\/tmon\/\*)?$/);
  }
});
