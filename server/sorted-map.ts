/**
 * A sorted map whose copy is free: `clone()` shares every node, and a later write copies only the path it touches.
 *
 * That one property carries a lot here: a batch is decided on a copy that is adopted or dropped whole, a snapshot is
 * written over many turns of the event loop from a copy that no longer changes, and a page of a list is cut from a
 * consistent whole.
 */
import btree from 'sorted-btree';

export const SortedMap = btree.default;
export type SortedMap<K, V> = InstanceType<typeof SortedMap<K, V>>;
