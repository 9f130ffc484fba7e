/** `tmon policies` and `tmon actions` against a real monitor and its file of policies. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Cleaning, runTmon, startTestMonitor, temporaryDirectory } from '../test/processes/tmon.ts';
import { Caller } from '../test/servers/monitor.ts';
import { submit } from '../test/servers/steps.ts';

const directory = temporaryDirectory({ after });
const file = join(directory, 'policies.yaml');
writeFileSync(file, 'policies: [{name: blocked_job, mode: on, after: 0}]\n');
const monitor = await startTestMonitor({ after }, { policies: file, lease_ms: 1_000 });
const caller = new Caller(monitor.url);
const environment = { TMON_SERVER: monitor.url };
const tmon = (t: Cleaning, ...args: string[]) => runTmon(t, args, { environment });

test('policies lists what applies, and actions what was decided: here that there is no fleet', async (t) => {
  const { job_id: id } = await submit(caller);
  const listed = await tmon(t, 'policies');
  assert.equal(listed.code, 0, listed.stderr);
  assert.match(listed.stdout, /^blocked_job\tblocked\t–\tlaunch_worker\ton\t0 s\t4\t0\t0\n/);
  assert.match(listed.stdout, /\nhung_job\thung\t–\tkill_engine\tdry_run\t/);
  await caller.until(`/system/actions?job_id=${id}`, ({ items }) => items.length > 0);
  const decided = await tmon(t, 'actions', '--job', id);
  assert.match(
    decided.stdout,
    new RegExp(`^\\S+\\trefused\\tlaunch_worker\\tblocked\\t${id}\\t–\\tblocked_job\\t–\\tThis monitor has no fleet`),
  );
  assert.equal((await tmon(t, 'actions', '--outcome', 'acted')).stdout, '');
  const json = JSON.parse((await tmon(t, 'actions', '--json', '--limit', '1')).stdout);
  assert.deepEqual([json.job_id, json.mode, json.evidence.cause], [id, 'on', 'no_able_worker']);
  assert.match(
    (await tmon(t, 'job', id)).stdout,
    /launch_worker \(refused\) {2}blocked_job: This monitor has no fleet/,
  );
  const { actions } = (await caller.get(`/jobs/${id}`)).body;
  assert.deepEqual([actions.length, actions[0].outcome], [1, 'refused']);
});

test('check prints every mistake of a file with its place, and exit code 1', async (t) => {
  const good = await tmon(t, 'policies', 'check', file);
  assert.deepEqual([good.code, good.stdout], [0, `${file}: 10 policies with the defaults, 2 of them on\n`]);
  const bad = join(directory, 'bad.yaml');
  writeFileSync(bad, 'policies:\n  - name: hung_job\n    afer: 2m\n    action: launch_worker\n');
  const found = await tmon(t, 'policies', 'check', bad);
  assert.deepEqual([found.code, found.stdout], [1, `${bad}:3:5: unknown field "afer"; did you mean "after"?\n`]);
  assert.equal((await tmon(t, 'policies', 'check', join(directory, 'none.yaml'))).code, 4);
});

test('the commands of docs/policies.md run', async (t) => {
  const page = readFileSync(new URL('../docs/policies.md', import.meta.url), 'utf8');
  const [, block = ''] = /<!-- run by cli\/policies\.test\.ts -->\n```sh\n(.*?)```/s.exec(page) ?? [];
  const lines = block.trim().split('\n');
  assert.equal(lines.length, 6);
  for (const line of lines) {
    const [command, ...args] = line.replace(/#.*/, '').trim().replace('policies.yaml', file).split(/\s+/);
    assert.equal(command, 'tmon');
    const { code, stderr } = await tmon(t, ...args);
    assert.equal(code, 0, `${line}: ${stderr}`);
  }
});
