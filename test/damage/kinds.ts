/** The kinds of objects in a store, by the possible effects of their damage. */
import type { Objects } from './finished-store.ts';

/** The objects of each kind. */
export function kindsOf(objects: Objects): Map<string, string[]> {
  const keys = [...objects.keys()];
  const snapshots = keys.filter((key) => /^snapshots\/\d+\.json$/.test(key)).map(seqOf);
  const newest = Math.max(0, ...snapshots);
  const after = keys.filter((key) => key.startsWith('journal/') && seqOf(key) > newest);
  const kinds = new Map<string, string[]>();
  for (const key of keys) {
    const kind = kindOf(key, { newest, after });
    kinds.set(kind, [...(kinds.get(kind) ?? []), key]);
  }
  return kinds;
}

export const isView = (kind: string): boolean => kind.startsWith('view: ');
export const isJournal = (key: string): boolean => /^(journal|snapshots|meta)\//.test(key);

const seqOf = (key: string): number => Number(/\d{20}/.exec(key)?.[0]);

const PATTERNS: readonly [pattern: RegExp, kind: string][] = [
  [/^meta\/format\.json$/, 'format'],
  [/^meta\/head\.json$/, 'head mark'],
  [/^meta\/views\.json$/, 'views mark'],
  [/^meta\/sources\//, 'positions in logs'],
  [/^meta\//, 'store check'],
  [/^archive\/packs\//, 'archive: packs'],
  [/^archive\/index\//, 'archive: index'],
  [/^archive\/jobs\//, 'archive: jobs, old form'],
  [/^archive\/workers\//, 'archive: workers'],
  [/^archive\/alerts\//, 'archive: alerts'],
  [/^archive\/periods\//, 'archive: days'],
  [/^analytics\//, 'column files'],
  [/^audit\//, 'audit'],
  [/^uploads\/keys\//, 'uploads: keys'],
  [/^uploads\/.*\.part$/, 'uploads: parts'],
  [/^uploads\/.*\/uses\//, 'uploads: uses'],
  [/^uploads\//, 'uploads: manifests'],
  [/^transcripts\/.*\.json$/, 'transcripts'],
  [/^transcripts\//, 'transcripts, rendered'],
  [/^jobs\//, 'view: jobs'],
  [/^workers\//, 'view: workers'],
  [/^queues\//, 'view: queues'],
  [/^alerts\//, 'view: alerts'],
  [/^system\/health/, 'view: health'],
  [/^(system\/)?metrics\//, 'view: metrics'],
];

function kindOf(key: string, { newest, after }: { newest: number; after: readonly string[] }): string {
  if (key.startsWith('journal/')) {
    if (seqOf(key) <= newest) return 'journal: covered by a snapshot';
    if (key === after.at(-1)) return 'journal: newest segment';
    return key === after[0] ? 'journal: first after the snapshot' : 'journal: between';
  }
  if (key.startsWith('snapshots/')) {
    return `snapshot ${key.endsWith('.ndjson') ? 'parts' : 'manifests'}: ${seqOf(key) === newest ? 'newest' : 'older'}`;
  }
  const known = PATTERNS.find(([pattern]) => pattern.test(key));
  if (!known) throw new Error(`unknown kind: ${key}`);
  return known[1];
}
