/**
 * `meta/views.json`: the segment up to which the views are known to be written, so that a start writes only the rest.
 */
import type { ObjectStore } from '../objects/store.ts';
import { sealFields, unseal } from '../sealed-json.ts';
import { CHECKPOINT_KEY } from './keys.ts';

/** The version of the layout and the documents: if it differs, everything in memory is written again. */
const LAYOUT = 3;
/** Version 0.1.0 wrote no hash. */
const FIELDS = ['layout', 'as_of_seq', 'hour'];

export type Checkpoint = {
  /** Every view of a version up to this is in the store. */
  as_of_seq: number;
  /** Every hour before this one has been written as final. */
  hour: number;
};

/** Nothing is known to be written. */
export const NOTHING: Checkpoint = { as_of_seq: 0, hour: 0 };

export function encodeCheckpoint({ as_of_seq, hour }: Checkpoint): Uint8Array {
  return sealFields({ layout: LAYOUT, as_of_seq, hour });
}

/** NOTHING if there is no usable checkpoint: writing a view again is harmless. */
export async function readCheckpoint(store: ObjectStore): Promise<Checkpoint> {
  const got = await store.get(CHECKPOINT_KEY);
  if (!got.found) return NOTHING;
  const { layout, as_of_seq, hour } = unseal<Record<string, unknown>>(got.bytes, FIELDS) ?? {};
  const usable = layout === LAYOUT && Number.isSafeInteger(as_of_seq) && Number.isSafeInteger(hour);
  return usable ? { as_of_seq: as_of_seq as number, hour: hour as number } : NOTHING;
}
