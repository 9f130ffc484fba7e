/**
 * After a history, an object of its store is lost or damaged. Reading then returns the whole log, or an error that
 * names the object; once the object is restored, it returns the whole log again; and continuing without it loses no
 * write acknowledged after that.
 */
import { systemClock } from '../../server/clock.ts';
import { acceptLoss } from '../../server/journal/accept-loss.ts';
import { JournalError } from '../../server/journal/errors.ts';
import { segmentKey } from '../../server/journal/keys.ts';
import { readJournal } from '../../server/journal/read-only.ts';
import { encodeSegment } from '../../server/journal/segment.ts';
import { MemoryStore } from '../../server/objects/memory.ts';
import { Fold } from '../../server/state-machine/apply/fold.ts';
import { JOURNAL_TRACES } from '../../server/views/keys.ts';
import type { Chance } from './chance.ts';
import { type LogAudit, stateHash } from './log-audit.ts';
import type { SimStore } from './sim-store.ts';
import type { World } from './world.ts';

const TRUTH = /^(journal|snapshots)\/|^meta\/(format|head)\.json$/;
const HOWS = ['deleted', 'flipped', 'with another digit', 'cut short'] as const;
/** After each history. */
const CASES = 4;

const ZERO = 48;

type Parts = { world: World; chance: Chance; store: SimStore; log: LogAudit };

/** All instances have been stopped. */
export async function auditLoss(parts: Parts): Promise<void> {
  for (let n = 0; n < CASES && !parts.world.violation; n++) await auditOne(parts);
}

async function auditOne({ world, chance, store, log }: Parts): Promise<void> {
  const keys = [...store.objects.keys()].filter((key) => TRUTH.test(key)).sort();
  if (keys.length === 0) return;
  const key = chance.pick(keys);
  const how = chance.pick(HOWS);
  const what = `${key} ${how}`;
  world.note(`after the end: ${what}`);
  const copy = await copyOf(store);
  const whole = store.objects.get(key)!.bytes;
  await copy.delete(key);
  if (how !== 'deleted') await copy.putIfAbsent(key, damaged(whole, how, chance));

  const wrong = (message: string) => world.violate('loss', `${what}: ${message}`);
  const first = await read(copy);
  if (!(first instanceof JournalError)) return auditWhole(first, log, wrong);
  if (!first.message.includes(key) && !first.problems.some((problem) => problem.key === key)) {
    return wrong(`the error does not name it: ${first.message}`);
  }

  const restored = await copyOf(store);
  const again = await read(restored);
  if (again instanceof JournalError) return wrong(`with the object restored: ${again.message}`);
  auditWhole(again, log, wrong);

  await goOn(copy, { key, whole, head: log.head, wrong });
}

/** Accepts the loss twice, writes a segment, and restores the object. */
async function goOn(
  copy: MemoryStore,
  { key, whole, head, wrong }: { key: string; whole: Uint8Array; head: number; wrong: (message: string) => void },
): Promise<void> {
  let lost = false;
  for (let run = 1; run <= 2; run++) {
    const { loss } = await acceptLoss({
      store: copy,
      clock: systemClock,
      traceKeys: JOURNAL_TRACES,
      replica: new Fold(),
      actor: 'owner',
      newId: () => `accepted-${run}`,
      eventOf: ({ after_seq, through_seq, missing }) =>
        JSON.stringify({
          id: `~loss//0`,
          type: 'LossAccepted',
          at: '2026-01-05T08:00:00Z',
          actor: 'owner',
          entity: 'journal',
          data: { after_seq, through_seq, missing },
        }),
    });
    lost ||= loss !== null;
    if (loss && loss.through_seq <= head) wrong(`the loss takes number ${loss.through_seq}, which was used`);
  }
  const fold = await read(copy);
  if (fold instanceof JournalError) return wrong(`after the loss was accepted: ${fold.message}`);
  // Only the format was missing, so no segment is lost.
  if (fold.state.seq < head + (lost ? 1 : 0))
    return wrong(`after the loss was accepted number ${fold.state.seq} is used again`);
  const { journal } = fold;
  const next = encodeSegment(
    {
      journal_id: journal.journal_id,
      seq: journal.head.seq + 1,
      prev: journal.head.hash,
      batch_id: 'next',
      instance: 'owner',
      url: '',
      at: journal.head.at_ms + 1,
    },
    [],
  );
  const { created } = await copy.putIfAbsent(segmentKey(journal.head.seq + 1), next.bytes);
  if (!created) return wrong('the number after the accepted loss was in use');
  const written = await read(copy);
  if (written instanceof JournalError) return wrong(`after a write: ${written.message}`);
  await copy.delete(key);
  await copy.putIfAbsent(key, whole);
  const restored = await read(copy);
  if (restored instanceof JournalError) return wrong(`with the object restored after the loss: ${restored.message}`);
  if (stateHash(restored.state) !== stateHash(written.state)) wrong('the restored object changed the state');
}

type Read = { state: Fold['state']; journal: NonNullable<Awaited<ReturnType<typeof readJournal>>> };

async function read(store: MemoryStore): Promise<Read | JournalError> {
  const fold = new Fold();
  try {
    const journal = await readJournal(
      {
        store,
        clock: systemClock,
        random: { float: () => 0.5 },
        retention_ms: 600_000,
        warn: () => {},
        traceKeys: JOURNAL_TRACES,
      },
      fold,
    );
    if (!journal) return new JournalError('corrupt', 'the store has no journal');
    return { state: fold.state, journal };
  } catch (error) {
    if (error instanceof JournalError && error.kind === 'corrupt') return error;
    return new JournalError('unavailable', `reading threw ${error}`);
  }
}

function auditWhole({ state, journal }: Read, log: LogAudit, wrong: (message: string) => void): void {
  if (state.seq !== log.head)
    return wrong(`without an error ${state.seq} is read as the end of the log; it is ${log.head}`);
  if (stateHash(state) !== log.hash(state.seq)) return wrong('without an error another state is read than the log’s');
  const { at_ms } = log.segments[log.head]!;
  if (journal.head.at_ms !== at_ms) wrong(`without an error log time is read as ${journal.head.at_ms}; it is ${at_ms}`);
}

async function copyOf({ objects }: SimStore): Promise<MemoryStore> {
  const copy = new MemoryStore(systemClock);
  for (const [key, { bytes }] of objects) await copy.putIfAbsent(key, bytes);
  return copy;
}

function damaged(bytes: Uint8Array, how: Exclude<(typeof HOWS)[number], 'deleted'>, chance: Chance): Uint8Array {
  if (how === 'cut short') return bytes.slice(0, chance.whole(0, bytes.length - 1));
  const changed = new Uint8Array(bytes);
  const digits =
    how === 'flipped' ? [] : [...bytes.keys()].filter((at) => bytes[at]! >= ZERO && bytes[at]! < ZERO + 10);
  if (digits.length === 0) changed[chance.whole(0, bytes.length - 1)]! ^= 1 << chance.whole(0, 6);
  else {
    const at = chance.pick(digits);
    changed[at] = ZERO + ((bytes[at]! - ZERO + chance.whole(1, 9)) % 10);
  }
  return changed;
}
