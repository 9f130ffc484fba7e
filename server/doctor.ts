/** `tmon doctor`: what is in the journal, how to go on where something of it is lost, and the monitor's rights on AWS. */
import { formatTime } from '../protocol/time.ts';
import { verifyAudit } from './audit/reading.ts';
import { type Clock, systemClock } from './clock.ts';
import { newUlid } from './ids.ts';
import { acceptLoss, type LossReport } from './journal/accept-loss.ts';
import { type Inspection, inspectJournal } from './journal/inspect.ts';
import { type OpenStoreOptions, openStore } from './objects/open-store.ts';
import type { ObjectStore, StoreFinding } from './objects/store.ts';
import type { CheckRightsOptions, RightFinding } from './rights/check-rights.ts';
import { forgetPositions } from './sources/positions.ts';
import { eventId, UNREMEMBERED } from './state-machine/apply/apply.ts';
import { Fold } from './state-machine/apply/fold.ts';
import type { JournalEvent } from './state-machine/events.ts';
import { CHECKPOINT_KEY, JOURNAL_TRACES } from './views/keys.ts';

/** `s3`: headers that a bucket may demand. */
type LookOptions = { clock?: Clock; s3?: OpenStoreOptions['s3'] };

const ACTOR = 'tmon doctor';

export type { CheckRightsOptions, RightFinding };

/** Tries every right on AWS; loads the clients for it only then. Throws MonitorError. */
export async function checkRightsAt(options: CheckRightsOptions): Promise<RightFinding[]> {
  return (await import('./rights/check-rights.ts')).checkRights(options);
}

/** A look without a lock, also beside a monitor that runs. */
export async function inspectStoreAt(
  url: string,
  { clock = systemClock, s3 }: LookOptions = {},
): Promise<StoreFinding[]> {
  const store = await openStore(url, { clock, lock: false, create: false, ...(s3 ? { s3 } : {}) });
  try {
    return await inspectStoreIn(store);
  } finally {
    await store.close();
  }
}

/** The same in a store that is open, also one to which a monitor writes. */
export async function inspectStoreIn(store: ObjectStore): Promise<StoreFinding[]> {
  const inspection = await inspectJournal(store, JOURNAL_TRACES);
  return inspection
    ? [...findingsOf(inspection, store.url), ...(await verifyAudit(store))]
    : [{ check: 'journal', verdict: 'pass', says: 'there is none yet' }];
}

/** Shows what is lost, and goes on without it. A directory must not be in use; on a bucket the monitors must be stopped. */
export async function acceptLossAt(
  url: string,
  { clock = systemClock, s3 }: LookOptions = {},
): Promise<StoreFinding[]> {
  const store = await openStore(url, { clock, lock: true, create: false, ...(s3 ? { s3 } : {}) });
  try {
    return await acceptLossIn(store, clock);
  } finally {
    await store.close();
  }
}

/** The same in a store that is open, with its lock. */
export async function acceptLossIn(store: ObjectStore, clock: Clock): Promise<StoreFinding[]> {
  await forgetPositions(store);
  const fold = new Fold();
  const report = await acceptLoss({
    store,
    clock,
    traceKeys: JOURNAL_TRACES,
    replica: fold,
    actor: ACTOR,
    newId: newUlid,
    eventOf: ({ after_seq, through_seq, missing }, at_ms) => {
      const event: JournalEvent = {
        id: eventId(`${UNREMEMBERED}${newUlid()}`, '', 0),
        type: 'LossAccepted',
        at: formatTime(at_ms),
        actor: ACTOR,
        entity: 'journal',
        data: { after_seq, through_seq, missing },
      };
      return JSON.stringify(event);
    },
  });
  // The views may show what is lost: without its mark, the next start writes all that is left again.
  await store.delete(CHECKPOINT_KEY);
  const found = findingsOf(report.inspection, store.url).map(accepted);
  return [...found, ...outcomesOf(report)];
}

/** What was accepted is no failure any more, and nothing is left to do about it. */
const accepted = ({ check, verdict, says }: StoreFinding): StoreFinding => ({
  check,
  verdict: verdict === 'fail' ? 'warn' : verdict,
  says,
});

function findingsOf({ problems, segments, snapshots, head_seq }: Inspection, url: string): StoreFinding[] {
  const findings = problems.map(({ key, problem, reach, halts }): StoreFinding => {
    const says = `${key} ${problem}${reach === null ? '' : ` (${reach})`}`;
    if (!halts) return { check: 'journal', verdict: 'warn', says: `${says}; a newer snapshot leads past it` };
    const hint = `Restore it from a copy of the store, or stop every monitor and go on without it: tmon doctor --store ${url} --accept-loss`;
    return { check: 'journal', verdict: 'fail', says, hint };
  });
  if (problems.some(({ halts }) => halts)) return findings;
  const says = `whole to segment ${head_seq}: ${segments.length} segments, ${snapshots} snapshots`;
  return [...findings, { check: 'journal', verdict: 'pass', says }];
}

function outcomesOf({ loss, format_written }: LossReport): StoreFinding[] {
  const outcomes: StoreFinding[] = [];
  if (format_written)
    outcomes.push({ check: 'accept loss', verdict: 'pass', says: 'meta/format.json is written again' });
  if (loss) {
    const says = `everything readable is kept; what was lost between segments ${loss.after_seq} and ${loss.through_seq} is given up. tmon rebuild removes the views of it`;
    outcomes.push({ check: 'accept loss', verdict: 'pass', says });
  }
  if (outcomes.length === 0) outcomes.push({ check: 'accept loss', verdict: 'pass', says: 'nothing is lost' });
  return outcomes;
}
