/** docs/format.md is complete: every key of a store in which everything has happened, and every type of event. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { MemoryStore } from '../objects/memory.ts';
import { TurnedClock } from '../testing-clock.ts';
import { VIEW_PREFIXES } from './keys.ts';
import { HISTORY, HISTORY_SETTINGS, HISTORY_START, play } from './testing-history.ts';
import { TestMonitor } from './testing-monitor.ts';

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

const PARTS: Record<string, string> = {
  seq: '\\d{20}',
  part: '\\d{5,6}',
  YYYY: '\\d{4}',
  MM: '\\d\\d',
  DD: '\\d\\d',
  HH: '\\d\\d',
  YYYYMMDD: '\\d{8}',
  'YYYY-MM-DD': '\\d{4}-\\d\\d-\\d\\d',
};

/** The keys of the document's first block, each as a pattern. */
async function documentedKeys(): Promise<{ key: string; pattern: RegExp }[]> {
  const block = /## Every key\n\n```\n([^`]+)```/.exec(await read('docs/format.md'))?.[1] ?? '';
  return block
    .trim()
    .split('\n')
    .map((line) => {
      const key = line.split(/\s{2,}/)[0]!;
      const pattern = key
        .replaceAll('.', '\\.')
        .replace(/\{([^}]+)\}/g, (_, name: string) => PARTS[name] ?? '[A-Za-z0-9][A-Za-z0-9_-]{0,63}');
      return { key, pattern: new RegExp(`^${pattern}$`) };
    });
}

test('every key in a store is in the document, and every view in the document occurs in a store', async () => {
  const documented = await documentedKeys();
  assert.ok(documented.length > 30);
  const met = new Set<string>();
  const clock = new TurnedClock(HISTORY_START);
  const store = new MemoryStore(clock);
  const monitor = await TestMonitor.open({ store, clock, settings: HISTORY_SETTINGS });
  for (let step = 0; step < HISTORY.length; step++) {
    await play(HISTORY.slice(step, step + 1), monitor, clock);
    await monitor.publisher.flush();
    for await (const { key } of store.list('')) {
      const matching = documented.filter(({ pattern }) => pattern.test(key));
      assert.equal(matching.length, 1, `${key} matches ${matching.map((one) => one.key).join(' and ') || 'nothing'}`);
      met.add(matching[0]!.key);
    }
  }
  await monitor.stop();
  // Logs of attempts lie beside the views of their jobs, and come from workers.
  const isView = (key: string) =>
    VIEW_PREFIXES.some((prefix) => key.startsWith(prefix)) && !key.startsWith('jobs/logs/');
  const views = documented.filter(({ key }) => isView(key));
  assert.deepEqual(
    views.flatMap(({ key }) => (met.has(key) ? [] : [key])),
    [],
  );
});

test('every type of event is in the document with its fields, and no other', async () => {
  const source = await read('server/state-machine/events.ts');
  const types = source.slice(source.indexOf('export type JobEvent'));
  const declared = new Map<string, string[]>();
  for (const one of types.split(/\btype: '/).slice(1)) {
    const type = one.slice(0, one.indexOf("'"));
    const data = one.slice(one.indexOf('data:')).replace(/\/\*\*.*?\*\//gs, '');
    const fields = data.includes('Record<string, never>')
      ? []
      : [...data.matchAll(/(\w+)\??: /g)].map(([, name]) => name!);
    declared.set(
      type,
      fields.filter((name) => name !== 'data'),
    );
  }
  const documented = new Map<string, string[]>();
  for (const line of (await read('docs/format.md')).split('\n')) {
    const [, type, data] = /^\| `([A-Z]\w+)` \| [^|]+ \|([^|]*)\|/.exec(line) ?? [];
    if (type === undefined) continue;
    documented.set(
      type,
      [...(data ?? '').replace(/\(.*?\)/g, '').matchAll(/`(\w+)`/g)].map(([, name]) => name!),
    );
  }
  assert.ok(declared.size > 20);
  assert.deepEqual(documented, declared);
});
