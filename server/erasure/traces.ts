/** Whether the store still holds objects that may have an erased job in them, though nothing leads to it any more. */
import { parseColumnKey, tablePrefix } from '../analytics/columns/keys.ts';
import { TABLES, type TableName } from '../analytics/tables.ts';
import { parseSegmentKey, parseSnapshotKey, parseSnapshotPartKey, SEGMENTS, SNAPSHOTS } from '../journal/keys.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { State } from '../state-machine/state/state.ts';
import { PACKS } from '../views/keys.ts';

export type JournalTraces = {
  /** A job that was erased in an earlier segment is in no segment. */
  first_segment: number;
  /** A job that was erased in this segment or an earlier one is in no snapshot. */
  first_snapshot: number;
  /** Sequence numbers of the snapshots, in order. */
  snapshots: number[];
};

export async function journalTraces(store: ObjectStore): Promise<JournalTraces> {
  let first_segment = Number.POSITIVE_INFINITY;
  for await (const { key } of store.list(SEGMENTS)) {
    first_segment = parseSegmentKey(key) ?? first_segment;
    if (first_segment !== Number.POSITIVE_INFINITY) break;
  }
  let first_snapshot = Number.POSITIVE_INFINITY;
  const snapshots: number[] = [];
  for await (const { key } of store.list(SNAPSHOTS)) {
    const whole = parseSnapshotKey(key);
    const seq = whole ?? parseSnapshotPartKey(key);
    if (whole !== null) snapshots.push(whole);
    if (seq !== null) first_snapshot = Math.min(first_snapshot, seq);
  }
  return { first_segment, first_snapshot, snapshots: snapshots.sort((a, b) => a - b) };
}

/**
 * When the oldest pack or column file was written that the journal does not name: it was replaced, or its author crashed, and
 * it will be swept. Infinity if there is none.
 */
export async function oldestUnnamed(store: ObjectStore, { tables }: State): Promise<number> {
  let oldest_ms = Number.POSITIVE_INFINITY;
  const see = (named: boolean, last_modified_ms: number) => {
    if (!named) oldest_ms = Math.min(oldest_ms, last_modified_ms);
  };
  for await (const { key, last_modified_ms } of store.list(PACKS)) see(tables.packs.has(key), last_modified_ms);
  for (const table of Object.keys(TABLES) as TableName[]) {
    for await (const { key, last_modified_ms } of store.list(tablePrefix(table))) {
      const file = parseColumnKey(key);
      if (file) see(tables.column_files.has(file.name), last_modified_ms);
    }
  }
  return oldest_ms;
}
