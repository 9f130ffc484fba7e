/**
 * `meta/format.json`: identifies the store, and is written once, before anything else. It names the journal that every
 * segment and snapshot belongs to, so it is created only in a store without any sign of use. If it is missing, or
 * disagrees with all of them, the format is damaged, and the others have the id.
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
  /** Empty if no object names it. */
  journal_id: string;
  /** Why nothing may be written; null if the format is sound. */
  problem: JournalError | null;
};

/**
 * Identifies the journal in the store; null for a new store. Throws JournalError('corrupt') if the store can't be used.
 */
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
    damage = corruptObject(FORMAT_KEY, `is damaged: it names journal ${format.journal_id}`);
  }
  const use = traces[0] ?? (await findUse(store, traceKeys));
  if (ids.size === 0 && !use) {
    if (damage) throw damage;
    return null;
  }
  // Another instance may have created the store since; its format is written before anything else.
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
      hint: `Restore it from a copy of the store, or run tmon doctor --store ${store.url} --accept-loss, which rewrites it.`,
      cause: damage ?? undefined,
      problems: [{ key: FORMAT_KEY, problem, reach }],
    }),
  };
}

/**
 * Creates the format of a new store; of several instances at once the first chooses the id. Returns the journal's id.
 */
export async function createFormat(store: ObjectStore, journal_id: string): Promise<string> {
  const format: StoreFormat = { format: FORMAT, kind: 'transcription-monitor', journal_id };
  await store.putIfAbsent(FORMAT_KEY, sealFields(format));
  const settled = await readFormat(store);
  if (!settled) throw corruptObject(FORMAT_KEY, 'was written and is missing');
  return settled.journal_id;
}

/** The store's format; null if none exists. Throws JournalError('corrupt'), naming the object if it is damaged. */
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
    throw new JournalError('corrupt', `the store has format ${number}; this version supports up to ${FORMAT}`, {
      hint: 'Upgrade the monitor.',
    });
  }
  return { format: number, kind, journal_id };
}

/** Takes one request: for the newest manifest or the first segment, which a start reads anyway. */
async function agrees(store: ObjectStore, journal_id: string): Promise<boolean> {
  const [newest] = await listSnapshots(store);
  const id = await idIn(store, newest === undefined ? segmentKey(1) : snapshotKey(newest));
  return id === null || id === journal_id;
}

/** The journal ids in every manifest and in the first and last segment, each with the keys that have it. */
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

/** The journal id in a manifest or segment; null if the object is missing or damaged. */
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
