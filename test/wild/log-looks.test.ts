/** Every log of the collection, checked and imported as the command line does it. */
import assert from 'node:assert/strict';
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MINUTE_MS } from '../../protocol/time.ts';
import { Check } from '../../sources/check/check.ts';
import { openSource } from '../../sources/open-source.ts';
import { runTmon, startTestMonitor, temporaryDirectory } from '../processes/tmon.ts';
import { eachWild, type Wild } from './wild.ts';

const { signal } = new AbortController();
const NOW_MS = Date.now();
const LOGS = [...eachWild(NOW_MS)].filter(({ files }) => files.length === 1);

/** When the newest lines were written, and so before any job is too old: a check then is wrong only if a job failed. */
const WRITTEN_MS = Math.floor(NOW_MS / MINUTE_MS) * MINUTE_MS - 5 * MINUTE_MS;

function verdictOf({ states, unreadable }: Wild['expected']): string {
  const all = Object.values(states);
  if (all.includes('FAILED')) return 'wrong';
  return unreadable > 0 || all.length === 0 ? 'unknown' : 'well';
}

test('a check of each log is never well without reason, and never wrong', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  for (const { name, from, files, expected } of LOGS) {
    writeFileSync(path, files[0]!.bytes);
    utimesSync(path, WRITTEN_MS / 1000, WRITTEN_MS / 1000);
    const source = await openSource(`log:${path}`);
    const document = await new Check([source], { since_ms: 1000 * 86_400_000 }).run(WRITTEN_MS, signal);
    await source.close();
    const said = `${name} (${from})\n${files[0]!.bytes.subarray(0, 400)}\n${JSON.stringify([document.problems, document.warnings])}`;
    assert.equal(document.verdict, verdictOf(expected), said);
    assert.deepEqual(
      document.failed.map(({ job_id, reported_id }) => reported_id ?? job_id).sort(),
      Object.keys(expected.states)
        .filter((job) => expected.states[job] === 'FAILED')
        .sort(),
      said,
    );
    assert.equal(document.sources[0]!.undated_count ?? 0, expected.undated, said);
  }
});

test('all of them imported, a monitor has their jobs in the same states', async (t) => {
  const root = temporaryDirectory(t);
  const monitor = await startTestMonitor(t);
  const some = LOGS.filter((_, index) => index % 30 === 0);
  for (const [index, { name, files, expected }] of some.entries()) {
    const path = join(root, `${index}.log`);
    writeFileSync(path, files[0]!.bytes);
    const { code, stdout, stderr } = await runTmon(t, ['import', '--json', '--server', monitor.url, path]);
    const jobs = Object.keys(expected.states).length;
    assert.equal(code, expected.unreadable > 0 || jobs === 0 ? 1 : 0, `${name}\n${stderr}`);
    assert.equal(JSON.parse(stdout).jobs.total, jobs, name);
  }
});
