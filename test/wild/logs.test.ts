/** Every log of the collection, read by the source of logs: at once, and as it grows. */
import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mergeSightings, type Sighting } from '../../protocol/sighting.ts';
import { openLogFile } from '../../sources/log-lines/file.ts';
import { temporaryDirectory } from '../processes/tmon.ts';
import { eachWild, type Wild } from './wild.ts';

const signal = new AbortController().signal;
const NOW_MS = Date.now();

type Read = { jobs: Map<string, Sighting>; unreadable: string[]; undated: number };

/** In so many steps: a reader that follows it sees it grow. */
async function read(path: string, bytes: Buffer, steps: number): Promise<Read> {
  const source = openLogFile(path, steps === 1 ? { last_line: 'take' } : {});
  const all: Read = { jobs: new Map(), unreadable: [], undated: 0 };
  writeFileSync(path, '');
  let from: string | null = null;
  for (let step = 0; step < steps; step += 1) {
    const share = (index: number) => Math.floor((bytes.length * index) / steps);
    appendFileSync(path, bytes.subarray(share(step), share(step + 1)));
    for await (const reading of source.read({ since_ms: 0, from, signal })) {
      for (const sighting of reading.sightings) {
        const name = sighting.reported_id ?? sighting.job_id;
        const known = all.jobs.get(name);
        all.jobs.set(name, known === undefined ? sighting : mergeSightings(known, sighting));
      }
      all.unreadable.push(...reading.unreadable.map(({ why }) => why));
      all.undated += reading.undated ?? 0;
      from = reading.position ?? from;
    }
  }
  return all;
}

const statesOf = ({ jobs }: Read) => Object.fromEntries([...jobs].map(([name, { state }]) => [name, state]).sort());

test('there are 300 logs', () => {
  const names = [...eachWild(NOW_MS)].map(({ name }) => name);
  assert.ok(names.length >= 300, `${names.length}`);
  assert.equal(new Set(names).size, names.length);
});

test('what each log says is read', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  for (const { name, from, files, expected } of eachWild(NOW_MS)) {
    const all = await read(path, files[0]!.bytes, 1);
    const said = `${name} (${from})\n${files[0]!.bytes.subarray(0, 400)}`;
    assert.deepEqual(statesOf(all), sorted(expected.states), said);
    assert.equal(all.unreadable.length, expected.unreadable, `${said}\n${all.unreadable.join('\n')}`);
    assert.equal(all.undated, expected.undated, said);
    for (const [job, error] of Object.entries(expected.errors ?? {}))
      assert.equal(all.jobs.get(job)!.error, error, said);
    for (const [job, ended_ms] of Object.entries(expected.ended_ms ?? {})) {
      assert.ok(Math.abs(all.jobs.get(job)!.ended_ms! - ended_ms) < 1000, `${said}: ${all.jobs.get(job)!.ended_ms}`);
    }
  }
});

test('a log that grows says the same, wherever a reader has stopped', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  for (const { name, files, expected, whole } of eachWild(NOW_MS)) {
    if (whole) continue;
    const bytes = Buffer.concat([files[0]!.bytes, Buffer.from('\n')]);
    for (const steps of [2, 3, 7]) {
      const all = await read(path, bytes, steps);
      assert.deepEqual(statesOf(all), sorted(expected.states), `${name}, in ${steps} steps`);
    }
  }
});

const sorted = (states: Wild['expected']['states']) => Object.fromEntries(Object.entries(states).sort());
