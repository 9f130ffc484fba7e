/** `tmon purge` and `tmon retention`, as docs/erasure.md has them. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runTmon } from '../test/processes/tmon.ts';
import { openMonitor } from '../test/servers/monitor.ts';
import { hold, submit } from '../test/servers/steps.ts';

test('jobs are erased after a question, or with --yes in a pipe; those that workers hold are named', async (t) => {
  const retention_file = join(tmpdir(), `tmon-retention-${process.pid}.yaml`);
  writeFileSync(retention_file, 'default: 400d\ntags:\n  calls: 30d\n');
  const monitor = await openMonitor(t, { retention_file });
  const tmon = (...args: string[]) => runTmon(t, args, { environment: { TMON_SERVER: monitor.url } });
  const held = await hold(monitor, { tags: ['calls'] });
  const waiting = await submit(monitor, { tags: ['calls'] });
  const asked = await tmon('purge', '--tag', 'calls');
  assert.equal(asked.code, 2);
  assert.match(asked.stderr, /this erases 1 job, with recordings and transcripts, for ever\n.*--yes/);
  const listed = await tmon('purge', '--tag', 'calls', '--dry-run');
  assert.equal(listed.stdout, `${waiting.job_id}\n`);
  assert.equal((await monitor.get(`/jobs/${waiting.job_id}`)).status, 200);
  const purged = await tmon('purge', '--tag', 'calls', '--yes');
  assert.equal(purged.stdout, `${waiting.job_id}\n`);
  assert.notEqual(purged.code, 0);
  assert.match(purged.stderr, new RegExp(`tmon cancel ${held.id}`));
  assert.match(purged.stderr, /not deleted: s3:\/\/audio\/file\.mp3/);
  assert.equal((await monitor.get(`/jobs/${waiting.job_id}`)).body.code, 'job_erased');
  const again = await tmon('purge', '--job', waiting.job_id, '--yes', '--json');
  assert.deepEqual([again.code, JSON.parse(again.stdout).job_ids], [0, []]);
  assert.equal((await tmon('purge')).code, 2);
  const shown = await tmon('retention');
  assert.match(shown.stdout, /^tag:calls\t30d\nothers\t400d\n/);
});
