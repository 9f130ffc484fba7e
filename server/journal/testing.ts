/** For tests of the journal: a replica of notes, a store with scripted failures, and a journal over both. */
import { MemoryStore } from '../objects/memory.ts';
import {
  type GetResult,
  type ListedObject,
  type ListOptions,
  type PutIfAbsentResult,
  StoreError,
} from '../objects/store.ts';
import { TurnedClock } from '../testing-clock.ts';
import { Journal, type JournalOptions } from './journal.ts';
import type { Draft, ReplayedSegment, Replica, Slot } from './replica.ts';

export const START = '2026-01-05T08:00:00Z';

export type Note = { text: string; resolve: (text: string) => void; reject: (error: Error) => void };

/** Keeps the texts of its proposals in order. Refuses `no`; `nothing` changes nothing. */
export class Notes implements Replica<Note> {
  texts: string[] = [];
  seq = 0;
  resets = 0;
  /** The proposals of each draft. */
  drafts: string[][] = [];

  draft(proposals: readonly Note[], slot: Slot): Draft {
    this.drafts.push(proposals.map(({ text }) => text));
    const taken: Note[] = [];
    const lines: string[] = [];
    let bytes = 0;
    for (const note of proposals) {
      const line = JSON.stringify({ text: note.text });
      if (bytes + line.length > slot.bytes_max && taken.length > 0) break;
      taken.push(note);
      if (note.text === 'no' || note.text === 'nothing') continue;
      bytes += line.length;
      lines.push(line);
    }
    const seq = slot.seq;
    return {
      taken: taken.length,
      lines,
      needs_tail: taken.some(({ text }) => text === 'no' || text === 'nothing'),
      adopt: () => {
        if (lines.length > 0) this.replay({ seq, at_ms: slot.at_ms, lines });
        for (const { text, resolve, reject } of taken)
          text === 'no' ? reject(new Error('no')) : resolve(`in ${this.seq}`);
      },
    };
  }

  replay({ seq, lines }: ReplayedSegment): void {
    this.texts = [...this.texts, ...lines.map((line) => (JSON.parse(line) as { text: string }).text)];
    this.seq = seq;
  }

  *rows(): Generator<string> {
    const texts = this.texts;
    yield JSON.stringify(this.seq);
    for (const text of texts) yield JSON.stringify(text);
  }

  restore(rows: Iterable<string>): void {
    const [seq, ...texts] = [...rows].map((row) => JSON.parse(row) as unknown);
    this.seq = seq as number;
    this.texts = texts as string[];
  }

  reset(): void {
    this.resets += 1;
    this.seq = 0;
    this.texts = [];
  }

  fail({ reject }: Note, error: Error): void {
    reject(error);
  }
}

/** The fate of a call: success, no effect and no response, an effect and no response, or a refusal. */
export type Fate = 'fine' | 'unavailable' | 'response_lost' | 'refused';

/** A store in memory whose calls fail according to `fate`. */
export class FailingStore extends MemoryStore {
  fate: (call: 'create' | 'get' | 'list' | 'put', key: string) => Fate = () => 'fine';
  /** Keys of the calls so far. */
  calls: string[] = [];
  /** Maximum number of concurrent reads so far. */
  reading_most = 0;
  #reading = 0;

  override async putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    return this.#call('create', key, () => super.putIfAbsent(key, bytes));
  }

  override async get(key: string): Promise<GetResult> {
    this.#reading += 1;
    this.reading_most = Math.max(this.reading_most, this.#reading);
    try {
      return await this.#call('get', key, () => super.get(key));
    } finally {
      this.#reading -= 1;
    }
  }

  override async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    await this.#call('list', prefix, async () => {});
    yield* super.list(prefix, options);
  }

  override async put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#call('put', key, () => super.put(key, bytes));
  }

  /** Changes an object without recording a call. */
  async damage(key: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
    const there = await super.get(key);
    if (!there.found) throw new Error(`${key} does not exist`);
    await super.put(key, change(there.bytes));
  }

  async keys(prefix = ''): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of super.list(prefix)) keys.push(key);
    return keys;
  }

  async #call<T>(call: 'create' | 'get' | 'list' | 'put', key: string, run: () => Promise<T>): Promise<T> {
    this.calls.push(`${call} ${key}`);
    const fate = this.fate(call, key);
    if (fate === 'refused')
      throw new StoreError('refused', 'store_denied', 'access denied', { hint: 'Ask its owner.' });
    if (fate === 'unavailable') throw new StoreError('unavailable', 'store_timeout', 'no response');
    const result = await run();
    if (fate === 'response_lost') throw new StoreError('unavailable', 'store_timeout', 'no response');
    return result;
  }
}

export const newClock = (): TurnedClock => new TurnedClock(START);

/** Flips one bit in the middle. */
export const flipped = (bytes: Uint8Array): Uint8Array => {
  const changed = new Uint8Array(bytes);
  changed[changed.length >> 1]! ^= 1;
  return changed;
};

export type Desk = { journal: Journal<Note>; notes: Notes; logged: string[]; write(text: string): Promise<string> };

/** A journal of notes. `write` resolves to `in <seq>`, or rejects. */
export async function openDesk(
  store: FailingStore,
  clock: TurnedClock,
  options: Partial<JournalOptions> = {},
): Promise<Desk> {
  const notes = new Notes();
  const logged: string[] = [];
  let ids = 0;
  const instance = options.instance ?? 'a';
  const opening = Journal.open(
    {
      store,
      clock,
      random: { float: () => 0.5 },
      instance,
      url: `http://${instance}`,
      newId: () => `${instance}-${++ids}`,
      soft_linger_ms: 20,
      outcome_unknown_ms: 10_000,
      retention_ms: 600_000,
      snapshot_segments: 1_000,
      snapshot_bytes: 1e9,
      snapshot_ms: 1e9,
      tail_poll_ms: null,
      log: (level, message) => logged.push(`${level}: ${message}`),
      ...options,
    },
    notes,
  );
  const journal = await opening;
  const write = (text: string) => new Promise<string>((resolve, reject) => journal.propose({ text, resolve, reject }));
  return { journal, notes, logged, write };
}
