/** `tmon audit`, as docs/security.md has it: lists and exports what a journal says, and finds what was changed in one. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hashOfKey } from '../server/access/secrets.ts';
import { runTmon, startTestMonitor } from '../test/processes/tmon.ts';
import { ADMIN_KEY } from '../test/servers/monitor.ts';

test('[S30] changes are listed and exported, and one changed byte of the journal is found', async (t) => {
  const monitor = await startTestMonitor(t, { admin_key_hash: hashOfKey(ADMIN_KEY) });
  const environment = { TMON_SERVER: monitor.url, TMON_API_KEY: ADMIN_KEY };
  const tmon = (...args: string[]) => runTmon(t, args, { environment });
  const { stdout } = await tmon('submit', 's3://audio/a.mp3');
  const [job_id = ''] = stdout.split('\t');
  await tmon('cancel', job_id);
  const listed = await tmon('audit', '--entity', job_id);
  assert.match(listed.stdout, /^\S+\tkey:admin000000\t–\tJobCancelled\t.*\t127\.0\.0\.1\treq-\w+\n/);
  assert.equal((await tmon('audit', '--limit', '1')).stdout.trimEnd().split('\n').length, 1);
  const exported = (await tmon('audit', 'export')).stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    exported.filter(({ entity }) => entity === job_id).map(({ event }) => event),
    ['JobCancelled', 'JobQueued', 'JobSubmitted'],
  );
  await monitor.stop();

  const store = `dir:${monitor.directory}`;
  const whole = await tmon('audit', 'verify', '--store', store);
  assert.deepEqual([whole.code, /^pass {2}whole to segment/.test(whole.stdout)], [0, true]);
  const segments = readdirSync(join(monitor.directory, 'journal')).sort();
  const file = join(monitor.directory, 'journal', segments[0]!);
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace('key:admin000000', 'key:admin000001'));
  const changed = await tmon('audit', 'verify', '--store', store);
  assert.deepEqual([changed.code, changed.stdout.includes(segments[0]!)], [1, true]);
});
