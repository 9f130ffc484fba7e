/**
 * Verifies a store before the journal uses it: a store that breaks its guarantees would lose acknowledged writes.
 *
 *     recorded as unsafe, or known to be bad   → refused
 *     a recorded check that is still valid     → used
 *     otherwise: the check                     → passed: recorded, used · a broken guarantee: recorded, refused · busy: later
 *
 * A server that is not known to be good is guarded (guarded-store.ts) even after it has passed: a check can only
 * sample.
 */
import { type Clock, systemClock } from '../clock.ts';
import { checkStore, fullCheck, quickCheck, type StoreCheckReport, servingCheck } from './check-store.ts';
import { GuardedStore } from './guarded-store.ts';
import { type KnownStore, knownStore } from './known-stores.ts';
import { type ObjectStore, StoreError, type StoreFinding } from './store.ts';
import {
  type CheckedPlace,
  forgetUnsafe,
  hasPassed,
  placeOf,
  rememberPass,
  rememberUnsafe,
  unsafeSince,
} from './store-record.ts';

export type AssureOptions = {
  clock?: Clock;
  log: (level: 'info' | 'warn', message: string) => void;
};

/** How many full checks a store that was found unsafe has to pass in a row. */
const RECHECKS = 3;

/**
 * Returns the store to use. Throws StoreError: `refused` if it is not safe, `unavailable` if that could not be
 * determined now.
 */
export async function assureStore(
  store: ObjectStore,
  { clock = systemClock, log }: AssureOptions,
): Promise<ObjectStore> {
  const identified = await identify(store);
  const { known, place, unsafe, foreign } = identified;
  if (unsafe !== null) throw refusedBefore(store, unsafe);
  if (known?.verdict === 'bad') throw knownBad(store, known);
  if (!(await hasPassed(store, place))) {
    const options = foreign && known?.verdict !== 'good' ? servingCheck : quickCheck;
    const report = await checkStore(store, { ...options, clock });
    await rememberBroken(store, identified, report);
    assertPassed(store, report);
    // A failure of a previous server at this address says nothing about this one.
    await forgetUnsafe(store);
    await rememberPass(store, place, report);
  }
  if (!foreign || known !== undefined) return store;
  log(
    'warn',
    `${place.server ?? place.endpoint ?? store.url} is not a known store: every segment is read back before it is acknowledged, which takes five requests instead of one`,
  );
  return new GuardedStore(store, {
    clock,
    writer: crypto.randomUUID(),
    remember: (says) => rememberUnsafe(store, place, says),
  });
}

/**
 * `tmon doctor --store`: runs every check. With `recheck`, an unsafe store that passes several full checks is cleared.
 */
export async function examineStore(
  store: ObjectStore,
  { clock = systemClock, recheck = false }: { clock?: Clock; recheck?: boolean },
): Promise<StoreCheckReport> {
  let identified: Identified;
  try {
    identified = await identify(store);
  } catch {
    // The check itself reports what is wrong.
    return await checkStore(store, { ...fullCheck, clock });
  }
  const { known, place, unsafe, foreign } = identified;
  const findings: StoreFinding[] = foreign ? [serverFinding(known, place)] : [];
  // The kernel links a name once; what is checked of a directory is whether its file system keeps to that.
  const full = foreign ? fullCheck : servingCheck;
  const checks = unsafe !== null && recheck ? RECHECKS : 1;
  for (let n = 1; n <= checks; n++) {
    const report = await checkStore(store, { ...full, clock });
    await rememberBroken(store, identified, report);
    findings.push(...report.findings);
    if (!report.passed) return { ...report, findings };
  }
  if (unsafe !== null && !recheck) {
    const hint = `have the server corrected, then run: tmon doctor --store ${store.url} --recheck`;
    findings.push({ check: 'found unsafe before', verdict: 'fail', says: unsafe, hint });
  } else if (unsafe !== null) {
    await forgetUnsafe(store);
    findings.push({
      check: 'found unsafe before',
      verdict: 'pass',
      says: `${unsafe}; since then ${checks} full checks passed`,
    });
  }
  const passed = findings.every(({ verdict }) => verdict !== 'fail' && verdict !== 'unfinished');
  return { url: store.url, passed, findings };
}

type Identified = {
  known: KnownStore | undefined;
  place: CheckedPlace;
  unsafe: string | null;
  /** Whether a server that identifies itself serves the store, rather than this machine. */
  foreign: boolean;
};

async function identify(store: ObjectStore): Promise<Identified> {
  const identity = await store.identify?.();
  const known = identity && knownStore(identity);
  const place = placeOf(identity, known);
  return { known, place, unsafe: await unsafeSince(store, place), foreign: identity !== undefined };
}

/** The store is refused even if this record cannot be written. */
async function rememberBroken(
  store: ObjectStore,
  { place, foreign }: Identified,
  report: StoreCheckReport,
): Promise<void> {
  const broken = report.findings.find((finding) => finding.broken);
  if (!broken || !foreign) return;
  await rememberUnsafe(store, place, `${broken.check}: ${broken.says}`).catch(() => undefined);
}

function assertPassed(store: ObjectStore, report: StoreCheckReport): void {
  const say = (wanted: StoreFinding['verdict']) =>
    report.findings.filter(({ verdict }) => verdict === wanted).map(({ check, says }) => `${check}: ${says}`);
  const hint = `tmon doctor --store ${store.url} shows details`;
  const failed = say('fail');
  if (failed.length > 0) {
    const broken = report.findings.some((finding) => finding.broken);
    const what = broken ? 'the store breaks a guarantee that the journal needs' : 'the store check failed';
    throw new StoreError('refused', 'store_check_failed', `${what}: ${failed.join('; ')}`, { hint });
  }
  const unfinished = say('unfinished');
  if (unfinished.length > 0) {
    const message = `the store check ${unfinished.join('; ')}`;
    throw new StoreError('unavailable', 'store_check_unfinished', message, { hint: 'start it again later' });
  }
}

function refusedBefore(store: ObjectStore, says: string): StoreError {
  return new StoreError('refused', 'store_unsafe', `${store.url} was found unsafe before: ${says}`, {
    hint: `move to another store, or have this server corrected and run: tmon doctor --store ${store.url} --recheck`,
  });
}

function knownBad(store: ObjectStore, { name, because }: KnownStore): StoreError {
  return new StoreError(
    'refused',
    'store_known_bad',
    `${store.url} is on ${name}, which cannot hold the journal: ${because}`,
    {
      hint: 'use Amazon S3, MinIO, versitygw 1.8.0 or later, or dir:PATH',
    },
  );
}

function serverFinding(known: KnownStore | undefined, { server, endpoint }: CheckedPlace): StoreFinding {
  const check = 'server';
  if (known === undefined) {
    const says = `${server ?? endpoint ?? 'it'} is not a known store: the monitor guards it, with five requests a segment instead of one`;
    return { check, verdict: 'warn', says, hint: 'docs/stores.md lists the known ones' };
  }
  const says = `${known.name}: ${known.because}`;
  if (known.verdict !== 'bad') return { check, verdict: 'pass', says };
  return { check, verdict: 'fail', says, hint: 'use Amazon S3, MinIO, versitygw 1.8.0 or later, or dir:PATH' };
}
