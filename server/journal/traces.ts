/**
 * Traces: objects outside the journal that prove how far it once reached. An object that reflects segment n was written
 * after n was committed, so a journal that ends before n has lost segments, even if it reads well.
 *
 * Traces must be read before the journal, since another instance may commit meanwhile.
 */
import type { ObjectStore } from '../objects/store.ts';
import { readSealed, sealFields } from '../sealed-json.ts';
import { HEAD_KEY } from './keys.ts';

/** `key` proves that segment `seq` was committed. */
export type Trace = { key: string; seq: number };

/** Objects that the journal's owner writes beside it. */
export type TraceKeys = {
  /** JSON objects whose `as_of_seq` is a committed segment. */
  documents: readonly string[];
  /** Objects with these prefixes exist only after the first commit. */
  prefixes: readonly string[];
};

export const NO_TRACES: TraceKeys = { documents: [], prefixes: [] };

/** `meta/head.json`: how far the journal reached when it wrote the mark. */
export type HeadMark = { journal_id: string; seq: number; hash: string; at: number };

export const encodeHeadMark = (mark: HeadMark): Uint8Array => sealFields(mark);

/** Reads one object per key. Skips unreadable ones: any of them may be lost and is rewritten. */
export async function readTraces(store: ObjectStore, { documents }: TraceKeys): Promise<Trace[]> {
  const traces = await Promise.all(
    [HEAD_KEY, ...documents].map(async (key): Promise<Trace | null> => {
      const got = await store.get(key);
      const read = got.found ? readSealed(got.bytes) : null;
      if (!read || read.seal === 'broken' || (key === HEAD_KEY && read.seal !== 'intact')) return null;
      const seq = key === HEAD_KEY ? read.value.seq : read.value.as_of_seq;
      return Number.isSafeInteger(seq) && (seq as number) > 0 ? { key, seq: seq as number } : null;
    }),
  );
  return traces.filter((trace) => trace !== null);
}

/** The first object that exists only in a store with commits, as proof of segment 1; null if none exists. */
export async function findUse(store: ObjectStore, { prefixes }: TraceKeys): Promise<Trace | null> {
  for (const prefix of prefixes) for await (const { key } of store.list(prefix)) return { key, seq: 1 };
  return null;
}
