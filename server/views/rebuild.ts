/**
 * Rebuild: every view made again from the journal and the archive, byte for byte what a running monitor leaves after a
 * flush. Correct views are left alone; views that would not be written now are deleted; other objects are left and
 * counted.
 *
 *     recover the fold → write the views of the archive, then those of the fold → examine every object → checkpoint
 *
 * Memory holds the fold, a few packs, and eight bytes for each view of the archive. It costs a read per pack, one per
 * view, and a put per difference.
 */
import { MonitorError } from '../../protocol/errors.ts';
import { eachAtOnce } from '../at-once.ts';
import type { Clock, Random } from '../clock.ts';
import type { Settings } from '../config.ts';
import { readJournal } from '../journal/read-only.ts';
import type { ObjectStore } from '../objects/store.ts';
import { Fold } from '../state-machine/apply/fold.ts';
import type { State } from '../state-machine/state/state.ts';
import { ArchivedViews } from './archived-views.ts';
import { encodeCheckpoint } from './checkpoint.ts';
import { CHECKPOINT_KEY, JOURNAL_TRACES, subjectOf, VIEW_PREFIXES } from './keys.ts';
import { subjectsOf, viewOf } from './layout.ts';
import { currentHour } from './metrics.ts';
import { count, emptyReport, type RebuildReport } from './rebuild-report.ts';
import { encodeDocument, type Present, withoutVersion } from './view.ts';

export type RebuildOptions = {
  /** Opened with its lock, so that no monitor writes to it; on a bucket stop the monitors first. */
  store: ObjectStore;
  clock: Clock;
  settings: Pick<Settings, 'retention_ms' | 'job_views_days'>;
  /** Report what would be done, without doing it. */
  dry_run?: boolean;
  /** For the pauses between attempts; a single reader needs none. */
  random?: Random;
  log?: (level: 'info' | 'warn' | 'error', message: string) => void;
};

const AT_ONCE = 16;

/** Throws MonitorError if there is no journal, or a monitor writes to it meanwhile; JournalError if it is damaged. */
export async function rebuildViews({
  store,
  clock,
  settings,
  dry_run = false,
  random = { float: () => 0.5 },
  log = () => {},
}: RebuildOptions): Promise<RebuildReport> {
  const fold = new Fold();
  const journal = await readJournal(
    {
      store,
      clock,
      random,
      retention_ms: settings.retention_ms,
      traceKeys: JOURNAL_TRACES,
      warn: (message) => log('warn', message),
    },
    fold,
  );
  if (!journal) {
    throw new MonitorError('not_found', 'no_journal', `${store.url} holds no journal to make views from`, {
      hint: 'Name the store that the monitor was started with: --store URL',
    });
  }
  const { state } = fold;
  const report = emptyReport(state.seq, dry_run);
  const archive = new ArchivedViews(store, state, settings);
  const write = async (present: readonly Present[]) => {
    for (const { key, document } of present) {
      const bytes = encodeDocument(document());
      if (await isThere(store, key, bytes)) report.unchanged += 1;
      else {
        if (!dry_run) await store.put(key, bytes);
        count(report, 'written', key);
      }
    }
  };
  await eachAtOnce(archive.records(), AT_ONCE, async ({ views }) => {
    report.archived += 1;
    const present = await views();
    if (present !== 'damaged') await write(present);
  });
  report.damaged = archive.damaged;
  await eachAtOnce(subjectsOf(state), AT_ONCE, (subject) => write(viewOf(state, subject)?.present ?? []));
  for (const prefix of VIEW_PREFIXES) {
    await eachAtOnce(store.list(prefix), AT_ONCE, async ({ key }) => {
      if (await belongs(key, state, archive)) return;
      if (!(await isView(store, key))) return count(report, 'foreign', key);
      if (!dry_run) await store.delete(key);
      count(report, 'deleted', key);
    });
  }
  if ((await journal.drain()) > 0) {
    throw new MonitorError('conflict', 'store_in_use', `a monitor has written to ${store.url} meanwhile`, {
      hint: 'Stop every monitor on this store, then run tmon rebuild again.',
    });
  }
  if (dry_run) return report;
  await store.put(CHECKPOINT_KEY, encodeCheckpoint({ as_of_seq: state.seq, hour: currentHour(state) }));
  return report;
}

/** A view with the same content is left alone, as a running monitor does. */
async function isThere(store: ObjectStore, key: string, bytes: Uint8Array): Promise<boolean> {
  const there = await store.get(key);
  return there.found && withoutVersion(there.bytes) === withoutVersion(bytes);
}

/** Whether a monitor wrote it as a view: it has a view's key, and an `as_of_seq`. */
async function isView(store: ObjectStore, key: string): Promise<boolean> {
  if (!subjectOf(key)) return false;
  const there = await store.get(key);
  if (!there.found) return false;
  try {
    const document = JSON.parse(Buffer.from(there.bytes).toString()) as { as_of_seq?: unknown } | null;
    return Number.isSafeInteger(document?.as_of_seq);
  } catch {
    return false;
  }
}

async function belongs(key: string, state: State, archive: ArchivedViews): Promise<boolean> {
  const subject = subjectOf(key);
  if (!subject) return false;
  const view = viewOf(state, subject);
  if (view?.present.some((present) => present.key === key)) return true;
  return archive.has(subject, key);
}
