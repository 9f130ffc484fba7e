/**
 * The publisher: writes the views of changed subjects, soon enough and no more often.
 *
 *     segment → noted (one note a subject) → due → written at the pace: puts first, then deletes → clean
 *                                              └ the store fails, or a document can't be made → noted again, tried later,
 *                                                then ever more seldom
 *
 * A note names the changed subject, not the change: the document is made from the fold at the moment it is written, so
 * a job that changed ten times is rendered and put once, and nothing grows with the number of changes. New objects are
 * written before old ones are removed, so a job can always be found.
 *
 * `meta/views.json` has the segment up to which everything is written. Views left unwritten by a crash have a later
 * version and are noted at the next start.
 */

import { eachAtOnce } from '../at-once.ts';
import { backoff } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import type { StoreSettings } from '../config.ts';
import type { AppliedSegment, Engine } from '../engine.ts';
import type { ObjectStore } from '../objects/store.ts';
import { StoreError } from '../objects/store.ts';
import type { State } from '../state-machine/state/state.ts';
import { damageOf } from './archive-objects.ts';
import { findArchivedJob } from './archived-records.ts';
import { type Change, changesBetween, changesOf, changesSince } from './changes.ts';
import { type Checkpoint, encodeCheckpoint, NOTHING, readCheckpoint } from './checkpoint.ts';
import { CHECKPOINT_KEY, type Subject } from './keys.ts';
import { hasEnded, jobView, viewOf } from './layout.ts';
import { currentHour } from './metrics.ts';
import { Pace } from './pace.ts';
import { firstDueOf, type Note, Pending, type Urgency } from './pending.ts';
import { endsLeftBehind } from './returned-workers.ts';
import { encodeDocument, type View } from './view.ts';
import { WrittenViews } from './written-views.ts';

export type PublisherOptions = {
  engine: Engine;
  store: ObjectStore;
  clock: Clock;
  settings: Pick<
    StoreSettings,
    | 'view_transition_ms'
    | 'view_worker_ms'
    | 'view_sums_ms'
    | 'view_progress_ms'
    | 'view_heartbeat_ms'
    | 'view_puts_per_second'
  >;
  /** The share of time that late views may use, 0 to 1. */
  idle?: () => number;
  log: (level: 'info' | 'warn' | 'error', message: string) => void;
};

/**
 * Subjects written concurrently: enough for the pace if a put takes 30 ms; few, so that the journal's puts never wait
 * behind many.
 */
const AT_ONCE = 16;
const FEW = 4;
const CHECKPOINT_MS = 15_000;
/** For stores where each put has a price. */
const CHECKPOINT_SHARED_MS = 60_000;
/** Views later than this are written faster: at up to twice the pace if twice as late, and so on. */
const LATE_MS = 5_000;
const FASTER_MAX = 10;
/** An instance that has not read to the end of the journal for longer reads on before it writes. */
const UNREAD_MS = 30_000;
/** How long a stop waits for the views; the next start finds the rest. */
const STOP_MS = 10_000;
const RETRIES = { base_ms: 100, max_ms: 30_000 };

export class ViewPublisher {
  readonly #options: PublisherOptions;
  readonly #pending = new Pending();
  readonly #written = new WrittenViews();
  readonly #pace: Pace;
  /** Subjects being written, each with a promise of its end. */
  readonly #writing = new Map<string, { note: Note; end: Promise<void> }>();
  /** The fold after the last segment received. */
  #seen: State;
  #unsubscribe: (() => void) | null = null;
  #wake: { at_ms: number; cancel: () => void } | null = null;
  #cancelCheckpoint: (() => void) | null = null;
  #checkpoint: Checkpoint = NOTHING;
  /** Consecutive failures of the store; while there are some, it is left alone until then. */
  #failures = 0;
  #resume_ms = 0;
  /** Subjects whose documents can't be made, because of a bug or a damaged record: retried without affecting others. */
  readonly #unmade = new Set<string>();
  #flushing = 0;
  #started = false;
  #stopped = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#pace = new Pace(options.clock, options.settings.view_puts_per_second);
    this.#seen = options.engine.state;
  }

  /** Subjects whose current state is not written. */
  get backlog(): number {
    return this.#pending.size + this.#writing.size;
  }

  /** How long the note that is due longest has been due; 0 if none is. */
  get behind_ms(): number {
    let due_ms = this.#pending.firstDue() ?? Number.POSITIVE_INFINITY;
    for (const { note } of this.#writing.values()) due_ms = Math.min(due_ms, firstDueOf(note));
    return Math.max(0, this.#options.clock.monotonic() - due_ms);
  }

  /** Whether its documents could not be made at the last attempt. */
  isUnmade(subject: Subject): boolean {
    return this.#unmade.has(nameOf(subject));
  }

  /** Writes its views again, and removes those that it no longer has. */
  renew({ kind, id }: Subject): void {
    this.#noteSince(this.#seen.seq)({ kind, id, urgency: 'transition', moved: true });
    this.#pump();
  }

  /** Finds unwritten changes, then writes changes as they come. Throws StoreError if the store can't be read. */
  async start(): Promise<void> {
    const { engine, store } = this.#options;
    this.#seen = engine.state;
    this.#unsubscribe = engine.subscribe((segment) => this.#hear(segment));
    const checkpoint = await readCheckpoint(store);
    const { seq } = this.#seen;
    this.#checkpoint = checkpoint.as_of_seq <= seq ? checkpoint : NOTHING;
    const { as_of_seq, hour } = this.#checkpoint;
    changesSince(as_of_seq, hour, this.#seen, this.#noteSince(as_of_seq + 1));
    const workers = new Set<string>();
    for (const { kind, id } of this.#pending.notes()) if (kind === 'worker') workers.add(id);
    for await (const change of endsLeftBehind(store, this.#seen, workers)) this.#noteSince(as_of_seq + 1)(change);
    this.#started = true;
    this.#checkpointLater();
    this.#pump();
  }

  /**
   * Writes all pending views now. Throws StoreError if the store does not accept them; they stay noted, as do views
   * that can't be made, without an error.
   */
  async flush(): Promise<void> {
    await this.#settle(this.#unwritten());
    await this.#writeCheckpoint();
  }

  /** The same for only these subjects, a few at a time, for a duty without urgency. */
  async flushOf(subjects: Iterable<Subject>): Promise<void> {
    await this.#settle(subjects, { width: FEW });
  }

  /**
   * Reads the journal to its end and flushes, as far as the store permits within 10 s, then ends. The next start finds
   * the rest.
   */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    const { engine, clock, log } = this.#options;
    let patient = true;
    const late = Promise.withResolvers<void>();
    const cancel = clock.after(STOP_MS, () => {
      patient = false;
      late.resolve();
    });
    try {
      // Views that this instance writes after a pause may be older than those that others wrote meanwhile.
      await Promise.race([engine.journal.catchUp(), late.promise]);
      await this.#settle(this.#unwritten(), { patient: () => patient });
      await this.#writeCheckpoint();
      if (this.backlog > 0) log('warn', `views: ${this.backlog} are not written; the next start continues with them`);
    } catch (error) {
      log('warn', `views: not all are written; the next start continues with them: ${messageOf(error)}`);
    }
    cancel();
    this.abandon();
    await Promise.all([...this.#writing.values()].map(({ end }) => end));
  }

  /** Ends at once, as a crash would. For tests. */
  abandon(): void {
    this.#stopped = true;
    this.#unsubscribe?.();
    this.#wake?.cancel();
    this.#cancelCheckpoint?.();
    this.#pace.hurry();
  }

  #hear(segment: AppliedSegment | null): void {
    const before = this.#seen;
    const after = this.#options.engine.state;
    this.#seen = after;
    try {
      if (segment) changesOf(segment, before, after, this.#noteSince(segment.seq));
      else changesBetween(before, after, this.#noteSince(before.seq + 1));
    } catch (error) {
      // An error here must not stop the journal, which calls this.
      this.#options.log('error', `views: segment ${after.seq}: its changes can't be determined: ${messageOf(error)}`);
      changesBetween(before, after, this.#noteSince(before.seq + 1));
    }
    this.#checkpointLater();
    this.#pump();
  }

  #noteSince(seq: number): (change: Change) => void {
    const due_ms = this.#dueFromNow();
    return ({ kind, id, urgency, moved = false, fresh = false, gone = [] }) => {
      this.#pending.add({ kind, id, urgency, due_ms: due_ms[urgency], seq, moved, fresh, gone, failures: 0 });
    };
  }

  #dueFromNow(): Record<Urgency, number> {
    const { clock, settings } = this.#options;
    const now_ms = clock.monotonic();
    return {
      transition: now_ms + settings.view_transition_ms,
      work: now_ms + settings.view_worker_ms,
      sums: now_ms + settings.view_sums_ms,
      progress: now_ms + settings.view_progress_ms,
      heartbeat: now_ms + settings.view_heartbeat_ms,
    };
  }

  /** Starts writing due notes, as far as the pace and the store allow; otherwise sleeps until one is due. */
  #pump(): void {
    if (this.#stopped || this.#flushing > 0) return;
    const now_ms = this.#options.clock.monotonic();
    // After a failure of the store, one note tests it before the others.
    const width = this.#failures > 0 ? 1 : AT_ONCE;
    if (now_ms >= this.#resume_ms) {
      while (this.#writing.size < width) {
        const note = this.#pending.nextDue(now_ms, this.#isBusy);
        if (!note) break;
        this.#pending.take(note);
        void this.#write(note).catch(() => undefined);
      }
      if (this.#writing.size >= width) return;
    }
    const due_ms = this.#pending.soonest(this.#isBusy);
    if (due_ms !== null) this.#wakeAt(Math.max(due_ms, this.#resume_ms), now_ms);
  }

  #wakeAt(at_ms: number, now_ms: number): void {
    if (this.#wake && this.#wake.at_ms <= at_ms) return;
    this.#wake?.cancel();
    const cancel = this.#options.clock.after(Math.max(0, at_ms - now_ms), () => {
      this.#wake = null;
      this.#pump();
    });
    this.#wake = { at_ms, cancel };
  }

  readonly #isBusy = (subject: Subject): boolean => this.#writing.has(nameOf(subject));

  /** Writes one subject; on failure it is noted again, and the error is thrown. */
  #write(note: Note): Promise<void> {
    const work = this.#putAndDelete(note).then(
      () => {
        this.#failures = 0;
        this.#resume_ms = 0;
        if (this.#unmade.delete(nameOf(note))) this.#options.log('info', `views: ${nameOf(note)} is written again`);
      },
      (error: unknown) => {
        this.#failed(note, error);
        throw error;
      },
    );
    const end = work
      .catch(() => undefined)
      .then(() => {
        this.#writing.delete(nameOf(note));
        this.#pump();
      });
    this.#writing.set(nameOf(note), { note, end });
    return work;
  }

  async #putAndDelete(note: Note): Promise<void> {
    const { engine, store } = this.#options;
    await this.#readOn();
    const ended = hasEnded(engine.state, note);
    const view = await this.#viewOf(note);
    for (const { key, document } of view?.present ?? []) {
      const bytes = encodeDocument(document());
      if (!ended && this.#written.shows(key, bytes)) continue;
      if (!(await this.#turn(note))) return;
      if (ended) this.#written.forget(key);
      else this.#written.writing(key);
      await store.put(key, bytes);
      if (!ended) this.#written.wrote(key, bytes);
    }
    if (!note.moved || (note.fresh && note.gone.length === 0)) return;
    // A key due for removal may be in use again: a worker that returned and ended a second time on the same day.
    const present = new Set(view?.present.map(({ key }) => key));
    // If a job's record is unreadable, the views of its end are all that is left of it.
    const gone = note.kind === 'job' && present.size === 0 ? [] : note.gone.filter((key) => !present.has(key));
    for (const key of [...(note.fresh ? [] : (view?.absent ?? [])), ...gone]) {
      if (!(await this.#turn(note))) return;
      this.#written.forget(key);
      await store.delete(key);
    }
  }

  async #viewOf(note: Note): Promise<View | undefined> {
    const { engine } = this.#options;
    if (note.kind === 'job' && !engine.state.job(note.id)) {
      // Another instance archived it; a view that this one wrote earlier may have arrived after that instance's last
      // write.
      const archived = await findArchivedJob(this.#options, note.id).catch(noneIfDamaged);
      if (archived && !engine.state.job(note.id)) return jobView(archived.job);
    }
    return viewOf(engine.state, note);
  }

  /** Waits for the pace, unless this is a flush. Returns false if the note must not be written further. */
  async #turn(note: Note): Promise<boolean> {
    const { engine, clock, idle = () => 1 } = this.#options;
    const lateness = Math.min(FASTER_MAX, Math.max(1, (clock.monotonic() - note.due_ms) / LATE_MS));
    // Late views are written faster, so that no load leaves them ever further behind, but not at the cost of requests.
    // Squared: if half of the time is idle, a quarter of it is used.
    if (this.#flushing === 0) await this.#pace.take(1 + (lateness - 1) * idle() ** 2);
    if (this.#stopped) return false;
    if (engine.journal.unread_ms <= UNREAD_MS) return true;
    // After a suspend of this process the note's document may be old.
    this.#pending.add({ ...note, fresh: false, due_ms: this.#dueFromNow()[note.urgency] });
    return false;
  }

  /** After a pause, reads what others have written before writing views that may be older than theirs. */
  async #readOn(): Promise<void> {
    const { journal } = this.#options.engine;
    if (journal.unread_ms <= UNREAD_MS) return;
    await journal.catchUp();
    if (journal.unread_ms <= UNREAD_MS || this.#stopped) return;
    throw new StoreError('unavailable', 'store_unavailable', 'the journal cannot be read to its end');
  }

  #failed(note: Note, error: unknown): void {
    if (this.#stopped) return;
    const { clock, log } = this.#options;
    const failures = note.failures + 1;
    const now_ms = clock.monotonic();
    const alone = !(error instanceof StoreError) || OF_ONE_KEY.has(error.code);
    if (!(error instanceof StoreError)) {
      const known = this.#unmade.has(nameOf(note));
      this.#unmade.add(nameOf(note));
      const count = this.#unmade.size === 1 ? 'the only one' : `one of ${this.#unmade.size}`;
      if (!known)
        log('error', `views: ${nameOf(note)} can't be made (${count}) and is tried again: ${messageOf(error)}`);
    } else if (alone ? failures === 1 : this.#failures === 0) {
      log('warn', `views: the store does not take ${nameOf(note)}: ${error.message}`);
    }
    if (!alone) {
      this.#failures += 1;
      this.#resume_ms = now_ms + backoff(this.#failures - 1, RETRIES);
    }
    const due_ms = now_ms + backoff(failures - 1, RETRIES);
    this.#pending.add({ ...note, fresh: false, failures, due_ms, first_due_ms: firstDueOf(note) });
  }

  /** Resolves once the current state of these subjects, or a later one, is written. */
  async #settle(
    subjects: Iterable<Subject>,
    { patient = () => true, width = AT_ONCE }: { patient?: () => boolean; width?: number } = {},
  ): Promise<void> {
    this.#flushing += 1;
    this.#pace.hurry();
    try {
      await eachAtOnce(subjects, width, async (subject) => {
        while (!this.#stopped && patient()) {
          const busy = this.#writing.get(nameOf(subject));
          if (busy) {
            await busy.end;
            continue;
          }
          const note = this.#pending.take(subject);
          return note && this.#write(note).catch(unlessUnmade);
        }
      });
    } finally {
      this.#flushing -= 1;
      this.#pump();
    }
  }

  /** The longest unwritten first. */
  #unwritten(): Note[] {
    return [...[...this.#writing.values()].map(({ note }) => note), ...this.#pending.notes()];
  }

  #checkpointLater(): void {
    const { clock, store } = this.#options;
    this.#cancelCheckpoint ??= clock.after(store.shared ? CHECKPOINT_SHARED_MS : CHECKPOINT_MS, async () => {
      this.#cancelCheckpoint = null;
      try {
        await this.#writeCheckpoint();
      } catch {
        // The views get the same error, and report it.
      }
      if (!this.#stopped && this.#checkpoint.as_of_seq < this.#seen.seq) this.#checkpointLater();
    });
  }

  async #writeCheckpoint(): Promise<void> {
    const { store } = this.#options;
    const checkpoint: Checkpoint = { as_of_seq: this.#seen.seq, hour: currentHour(this.#seen) };
    for (const { kind, id, seq } of this.#unwritten()) {
      checkpoint.as_of_seq = Math.min(checkpoint.as_of_seq, seq - 1);
      if (kind === 'hour') checkpoint.hour = Math.min(checkpoint.hour, Number(id));
    }
    if (!this.#started || this.#stopped || checkpoint.as_of_seq <= this.#checkpoint.as_of_seq) return;
    await store.put(CHECKPOINT_KEY, encodeCheckpoint(checkpoint));
    this.#checkpoint = checkpoint;
  }
}

/** Failures that do not concern the store as a whole. */
const OF_ONE_KEY: ReadonlySet<string> = new Set(['key_conflict', 'bad_key']);

function noneIfDamaged(error: unknown): undefined {
  damageOf(error);
}

const nameOf = ({ kind, id }: Subject): string => `${kind} ${id}`;

/** Logs a view that can't be made; others are still written. */
function unlessUnmade(error: unknown): void {
  if (error instanceof StoreError) throw error;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
