/**
 * `meta/format.json`: what this store is, written once, before anything else. It names the journal that every segment and
 * snapshot belongs to, so it is created only in a store that shows no sign of use; where it is missing or disagrees with
 * all of them, it is what is wrong, and they say what stood in it.
 */
import type { ObjectStore } from '../objects/store.ts';
import { parseJsonObject, readSealed, sealFields } from '../sealed-json.ts';
import { corruptObject, isCorrupt, JournalError } from './errors.ts';
import { listSnapshots } from './gap-rule.ts';
import { FORMAT_KEY, parseSegmentKey, SEGMENTS, segmentKey, snapshotKey } from './keys.ts';
import { decodeSegment, FORMAT } from './segment.ts';
import { findUse, type Trace, type TraceKeys } from './traces.ts';

export type StoreFormat = { format: number; kind: 'transcription-monitor'; journal_id: string };

export type Identity = {
  /** Empty if nothing in the store says it. */
  journal_id: string;
  /** Why nothing may be written; null if the format is sound. */
  problem: JournalError | null;
};

/** Whose journal the store holds; null for a new store. Throws JournalError('corrupt') if it is not ours to use. */
export async function identify(
  store: ObjectStore,
  { traces, traceKeys }: { traces: readonly Trace[]; traceKeys: TraceKeys },
): Promise<Identity | null> {
  let format: StoreFormat | null = null;
  let damage: JournalError | null = null;
  try {
    format = await readFormat(store);
  } catch (error) {
    if (!isCorrupt(error) || error.problems.length === 0) throw error;
    damage = error;
  }
  if (format && (await agrees(store, format.journal_id))) return { journal_id: format.journal_id, problem: null };
  const ids = await idsOf(store);
  if (format) {
    if (ids.size !== 1 || ids.has(format.journal_id)) return { journal_id: format.journal_id, problem: null };
    damage = corruptObject(FORMAT_KEY, `is damaged: it says journal ${format.journal_id}`);
  }
  const use = traces[0] ?? (await findUse(store, traceKeys));
  if (ids.size === 0 && !use) {
    if (damage) throw damage;
    return null;
  }
  // The format is written before anything else: what another instance wrote since it was looked for comes after it.
  if (!damage && (await readFormat(store))) return identify(store, { traces, traceKeys });
  const journal_id = [...ids.keys()].sort((a, b) => ids.get(b)!.length - ids.get(a)!.length)[0] ?? '';
  const reach =
    ids.size > 0
      ? [...ids].map(([id, keys]) => `${some(keys)} ${keys.length === 1 ? 'is' : 'are'} of journal ${id}`).join('; ')
      : `${use?.key} exists, so this store has been used`;
  const problem = damage?.problems[0]?.problem ?? 'is missing';
  return {
    journal_id,
    problem: new JournalError('corrupt', `${FORMAT_KEY} ${problem}, and ${reach}`, {
      hint: `Restore it from a copy of the store, or run tmon doctor --store ${store.url} --accept-loss, which writes it again.`,
      cause: damage ?? undefined,
      problems: [{ key: FORMAT_KEY, problem, reach }],
    }),
  };
}

/** Creates the format of a new store; of racing instances one names the journal for all. Returns its id. */
export async function createFormat(store: ObjectStore, journal_id: string): Promise<string> {
  const format: StoreFormat = { format: FORMAT, kind: 'transcription-monitor', journal_id };
  await store.putIfAbsent(FORMAT_KEY, sealFields(format));
  const settled = await readFormat(store);
  if (!settled) throw corruptObject(FORMAT_KEY, 'was written, and is not there');
  return settled.journal_id;
}

/** The store's format; null if there is none. Throws JournalError('corrupt'), naming the object if it is damaged. */
export async function readFormat(store: ObjectStore): Promise<StoreFormat | null> {
  const got = await store.get(FORMAT_KEY);
  if (!got.found) return null;
  const read = readSealed(got.bytes);
  if (!read) throw corruptObject(FORMAT_KEY, 'is damaged: it is not a JSON object');
  if (read.seal === 'broken') throw corruptObject(FORMAT_KEY, 'is damaged: its checksum is wrong');
  const { kind, journal_id, format: number } = read.value;
  if (kind !== 'transcription-monitor' || typeof journal_id !== 'string') {
    throw new JournalError('corrupt', `${FORMAT_KEY} is not a transcription-monitor's`, {
      hint: 'Choose another store or prefix.',
    });
  }
  if (typeof number !== 'number' || number > FORMAT) {
    throw new JournalError('corrupt', `the store has format ${number}; this monitor knows ${FORMAT}`, {
      hint: 'Upgrade the monitor.',
    });
  }
  return { format: number, kind, journal_id };
}

/** One request for what a start reads anyway: the newest manifest, or the first segment. */
async function agrees(store: ObjectStore, journal_id: string): Promise<boolean> {
  const [newest] = await listSnapshots(store);
  const id = await idIn(store, newest === undefined ? segmentKey(1) : snapshotKey(newest));
  return id === null || id === journal_id;
}

/** The journals that objects here name, with the keys that do: every manifest, the first and the last segment. */
async function idsOf(store: ObjectStore): Promise<Map<string, string[]>> {
  const keys = (await listSnapshots(store)).map(snapshotKey);
  let first: string | null = null;
  let last: string | null = null;
  for await (const { key } of store.list(SEGMENTS)) {
    if (parseSegmentKey(key) === null) continue;
    first ??= key;
    last = key;
  }
  const ids = new Map<string, string[]>();
  for (const key of new Set([...keys, first, last])) {
    const id = key === null ? null : await idIn(store, key);
    if (id !== null) ids.set(id, [...(ids.get(id) ?? []), key!]);
  }
  return ids;
}

/** The journal that a manifest or a segment says it is of; null if it is missing or damaged. */
async function idIn(store: ObjectStore, key: string): Promise<string | null> {
  const got = await store.get(key);
  if (!got.found) return null;
  const seq = parseSegmentKey(key);
  if (seq === null) {
    const read = readSealed(got.bytes, 'manifest_sha256');
    const id = read?.value.journal_id;
    return typeof id === 'string' && read?.seal !== 'broken' ? id : null;
  }
  const id = parseJsonObject(got.bytes.subarray(0, Math.max(0, got.bytes.indexOf(NEWLINE))))?.journal_id;
  if (typeof id !== 'string') return null;
  try {
    return decodeSegment(got.bytes, { journal_id: id, seq }).header.journal_id;
  } catch {
    return null;
  }
}

const NEWLINE = 0x0a;

/** The first few of these keys, and how many more there are. */
function some(keys: readonly string[]): string {
  const more = keys.length > 3 ? ` and ${keys.length - 3} more` : '';
  return `${keys.slice(0, 3).join(', ')}${more}`;
}
