/** `meta/format.json`: what this store is, written once, before anything else; it refuses a store of another kind or a newer format. */
import type { ObjectStore } from '../objects/store.ts';
import { JournalError } from './errors.ts';
import { FORMAT_KEY } from './keys.ts';
import { FORMAT } from './segment.ts';

export type StoreFormat = { format: number; kind: 'transcription-monitor'; journal_id: string };

/** The store's format, created where it is new; of racing instances one names the journal for all. */
export async function openFormat(store: ObjectStore, newId: () => string): Promise<StoreFormat> {
  const there = await readFormat(store);
  if (there) return there;
  const format: StoreFormat = { format: FORMAT, kind: 'transcription-monitor', journal_id: newId() };
  await store.putIfAbsent(FORMAT_KEY, Buffer.from(`${JSON.stringify(format)}\n`));
  const settled = await readFormat(store);
  if (!settled) throw new JournalError('corrupt', `${FORMAT_KEY} was written, and is not there`);
  return settled;
}

/** The store's format; null where the store is new. Throws JournalError('corrupt') where it is not ours to use. */
export async function readFormat(store: ObjectStore): Promise<StoreFormat | null> {
  const got = await store.get(FORMAT_KEY);
  if (!got.found) return null;
  let format: Partial<StoreFormat>;
  try {
    format = JSON.parse(Buffer.from(got.bytes).toString()) as Partial<StoreFormat>;
  } catch (cause) {
    throw new JournalError('corrupt', `${FORMAT_KEY} is damaged: it is not JSON`, { cause });
  }
  if (format?.kind !== 'transcription-monitor' || typeof format.journal_id !== 'string') {
    throw new JournalError('corrupt', `${FORMAT_KEY} is not a transcription-monitor's`, {
      hint: 'Choose another store or prefix.',
    });
  }
  if (typeof format.format !== 'number' || format.format > FORMAT) {
    throw new JournalError('corrupt', `the store has format ${format.format}; this monitor knows ${FORMAT}`, {
      hint: 'Upgrade the monitor.',
    });
  }
  return format as StoreFormat;
}
