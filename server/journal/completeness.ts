/**
 * Checks that the journal that was read is complete. A missing segment looks like the tail; it is the tail only if no
 * later segment exists, and no trace of one.
 */
import { isoTime } from '../clock.ts';
import type { ObjectStore } from '../objects/store.ts';
import { JournalError, type Problem } from './errors.ts';
import { parseSegmentKey, SEGMENTS, segmentKey } from './keys.ts';
import { decodeSegment } from './segment.ts';
import type { Trace } from './traces.ts';

/** Sequence numbers of the segments after this one, ascending. One request per 1,000 segments. */
export async function listSegments(store: ObjectStore, after: number): Promise<number[]> {
  const seqs: number[] = [];
  for await (const { key } of store.list(SEGMENTS, { after: segmentKey(after) })) {
    const seq = parseSegmentKey(key);
    if (seq !== null) seqs.push(seq);
  }
  return seqs;
}

export type Reached = {
  journal_id: string;
  /** The last segment that could be applied. */
  head_seq: number;
  /** Segments that were in the store before reading began. */
  listed: readonly number[];
  traces: readonly Trace[];
};

/** Throws JournalError('corrupt') that names every missing segment if the journal once went beyond `head_seq`. */
export async function assertComplete(store: ObjectStore, reached: Reached): Promise<void> {
  const { head_seq, listed, traces } = reached;
  const later = listed.filter((seq) => seq > head_seq);
  const furthest = traces.reduce<Trace | null>((most, trace) => (trace.seq > (most?.seq ?? 0) ? trace : most), null);
  const last = later.at(-1) ?? head_seq;
  const problems: Problem[] = [];
  if (later.length > 0) {
    const reach = await reachOf(store, reached.journal_id, later);
    for (const gap of gapsBetween(head_seq, later)) problems.push({ ...missing(gap), reach });
  }
  if (furthest && furthest.seq > last) {
    const reach = `${furthest.key} reflects segment ${furthest.seq}`;
    problems.push({ ...missing({ from: last + 1, to: furthest.seq }), reach });
  }
  if (problems.length === 0) return;
  const list = problems.map(({ key, problem, reach }) => `${key} ${problem} (${reach})`).join('; ');
  const only = later.length === 0 ? ` If only ${furthest?.key} is wrong, delete it: the monitor writes it again.` : '';
  throw new JournalError('corrupt', `the journal has lost segments: ${list}`, {
    hint: `Restore them from a copy of the store. tmon doctor --store ${store.url} shows what is left; with --accept-loss it continues without them.${only}`,
    problems,
  });
}

type Gap = { from: number; to: number };

/** The gaps between the head and the last of these numbers. */
export function* gapsBetween(head_seq: number, seqs: readonly number[]): Generator<Gap> {
  let next = head_seq + 1;
  for (const seq of seqs) {
    if (seq > next) yield { from: next, to: seq - 1 };
    next = seq + 1;
  }
}

export function missing({ from, to }: Gap): Pick<Problem, 'key' | 'problem'> {
  if (from === to) return { key: segmentKey(from), problem: 'is missing' };
  return {
    key: segmentKey(from),
    problem: `and the ${to - from} segments after it, to ${segmentKey(to)}, are missing`,
  };
}

/** Describes the segments that exist but cannot be reached: "19 segments from 676 to 694 follow, written …". */
async function reachOf(store: ObjectStore, journal_id: string, later: readonly number[]): Promise<string> {
  const [first, last] = [later[0]!, later.at(-1)!];
  const times = await Promise.all([first, last].map((seq) => writtenAt(store, journal_id, seq)));
  const written = times.filter((time) => time !== null);
  const when = written.length > 0 ? `, written ${[...new Set(written)].join(' to ')}` : '';
  return first === last
    ? `segment ${first} follows${when}`
    : `${later.length} segments from ${first} to ${last} follow${when}`;
}

async function writtenAt(store: ObjectStore, journal_id: string, seq: number): Promise<string | null> {
  try {
    const got = await store.get(segmentKey(seq));
    return got.found ? isoTime(decodeSegment(got.bytes, { journal_id, seq }).header.at) : null;
  } catch {
    return null;
  }
}
