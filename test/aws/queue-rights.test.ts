/**
 * A queue that carries the jobs, with the rights of the template: nothing denied, nothing unused, from a recording that
 * is put into the bucket.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { checkRightsAt } from '../../server/doctor.ts';
import { startTestMonitor } from '../processes/tmon.ts';
import { asPrincipal, deployFullSystem, enforcePolicies, statementsOf } from './full-system.ts';
import { patternsUsed } from './policy.ts';

const system = await deployFullSystem({ after }, { Fleet: 'none', AudioEvents: 'true' });
const { outputs, ids, client, stack } = system;
const proxy = await enforcePolicies({ after }, system);
const server = asPrincipal(proxy, 'server');
const saved = { ...process.env };
after(() => {
  process.env = saved;
});

const [, store = '', queue = ''] = /--store (\S+) .*--queue (\S+)$/.exec(outputs.ServeCommand!)!;

test('[S34] a recording that is put into the bucket becomes a job with the rights of the role, without an unused right', async (t) => {
  const { api } = await startTestMonitor(t, { store, queue, soft_linger_ms: 1 }, server);
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  t.after(() => s3.destroy());
  await s3.send(new PutObjectCommand({ Bucket: ids.Bucket, Key: 'audio/a call.mp3', Body: 'audio' }));
  await api.workers.register('worker-1', { capabilities: { model: 'test' } });
  const { jobs } = await api.workers.claim('worker-1', { max_jobs: 1, wait_seconds: 20 });
  assert.equal(jobs[0]?.audio_url, `s3://${ids.Bucket}/audio/a call.mp3`);
  const seen = proxy.seen.filter(({ by }) => by === 'server');
  assert.deepEqual(
    seen.filter(({ allowed }) => !allowed).map(({ action, resource }) => `${action} on ${resource}`),
    [],
  );
  const ours = statementsOf(stack, 'ServerRole', ids).filter(({ Sid }) => Sid === 'CarryJobs');
  const used = new Set(ours.flatMap((one) => seen.flatMap((request) => patternsUsed(one, request))));
  // The monitor tries each at its start.
  const allowed = ours.flatMap(({ Action, Resource }) => [Action].flat().map((action) => `${action} on ${Resource}`));
  assert.equal(allowed.length, 6);
  assert.deepEqual(
    allowed.filter((one) => !used.has(one)),
    [],
  );
});

test('[S34] tmon doctor tries the right to send where the queue carries jobs, and sends nothing', async () => {
  Object.assign(process.env, server);
  const sends = async (options: { queue: string } | { source: string }) =>
    (await checkRightsAt({ as: 'server', ...options })).map(({ check, verdict }) => `${verdict} ${check}`);
  const rights = await sends({ queue });
  assert.ok(rights.includes('pass sqs:SendMessage'), rights.join());
  assert.ok(!(await sends({ source: queue })).some((right) => right.endsWith('sqs:SendMessage')));
  const { principals } = proxy;
  const identity = principals.server!.identity.map((one) => ({
    ...one,
    Action: [one.Action].flat().filter((action) => action !== 'sqs:SendMessage'),
  }));
  proxy.principals = { ...principals, server: { ...principals.server!, identity } };
  assert.ok((await sends({ queue })).includes('fail sqs:SendMessage'));
  proxy.principals = principals;
});
