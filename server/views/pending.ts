/**
 * Changed subjects that are not written yet: one note each, however often it changed. Notes of one urgency are due in
 * the order they came, so the next is at the head of one of a few lines; nothing here grows beyond the fold itself.
 */
import type { Subject, SubjectKind } from './keys.ts';

/**
 * `transition`: of the subject's state; `work`: a worker took or ended a job; `sums`: of queues, health, hours and
 * days.
 */
export type Urgency = 'transition' | 'work' | 'sums' | 'progress' | 'heartbeat';

export type Note = Subject & {
  urgency: Urgency;
  due_ms: number;
  /** The first segment whose change is not written. */
  seq: number;
  /** More than progress or a heartbeat: objects may have to be removed. */
  moved: boolean;
  /** No view of this subject was ever written, so none has to be removed. */
  fresh: boolean;
  /** Keys to remove that the record no longer contains. */
  gone: readonly string[];
  /** How often writing it has failed since it was last written. */
  failures: number;
  /** When it was due before writing it failed; absent until then. */
  first_due_ms?: number;
};

type Line = 'summary' | 'transition' | 'work' | 'progress' | 'heartbeat' | 'failed';

export class Pending {
  readonly #notes: Record<SubjectKind, Map<string, Note>> = {
    job: new Map(),
    worker: new Map(),
    alert: new Map(),
    hour: new Map(),
    day: new Map(),
    queues: new Map(),
    health: new Map(),
  };
  readonly #lines: Record<Line, Set<Note>> = {
    summary: new Set(),
    transition: new Set(),
    work: new Set(),
    progress: new Set(),
    heartbeat: new Set(),
    failed: new Set(),
  };

  get size(): number {
    return Object.values(this.#lines).reduce((sum, line) => sum + line.size, 0);
  }

  /**
   * Notes a change, or merges it into the existing note, which keeps the older first change and the earlier due time.
   */
  add(note: Note): void {
    const last = this.#notes[note.kind].get(note.id);
    if (!last) return this.#enter(note);
    last.seq = Math.min(last.seq, note.seq);
    last.moved ||= note.moved;
    if (note.failures > 0) last.fresh = false;
    if (note.first_due_ms !== undefined) last.first_due_ms = Math.min(note.first_due_ms, firstDueOf(last));
    if (note.gone.length > 0) last.gone = [...new Set([...last.gone, ...note.gone])];
    if (last.failures > 0 || (note.failures === 0 && last.due_ms <= note.due_ms)) return;
    this.#lines[lineOf(last)].delete(last);
    last.failures = note.failures;
    last.due_ms = note.due_ms;
    last.urgency = note.urgency;
    this.#lines[lineOf(last)].add(last);
  }

  has({ kind, id }: Subject): boolean {
    return this.#notes[kind].has(id);
  }

  /** Removes and returns the note of this subject. */
  take({ kind, id }: Subject): Note | undefined {
    const note = this.#notes[kind].get(id);
    if (note) {
      this.#notes[kind].delete(id);
      this.#lines[lineOf(note)].delete(note);
    }
    return note;
  }

  /**
   * The note to write next: of the due ones, the sums of the system first, then the longest due. `busy` are left alone.
   */
  nextDue(now_ms: number, busy: (note: Note) => boolean): Note | undefined {
    let next: Note | undefined;
    for (const name of ORDER) {
      for (const note of this.#lines[name]) {
        // As in soonest: otherwise a due note might never be taken.
        if (busy(note)) continue;
        if (note.due_ms > now_ms) {
          if (SORTED.has(name)) break;
          continue;
        }
        if (!next || note.due_ms < next.due_ms) next = note;
        if (SORTED.has(name)) break;
      }
      if (name === 'summary' && next) return next;
    }
    return next;
  }

  /** When the next note is due; null if none waits. */
  soonest(busy: (note: Note) => boolean): number | null {
    let soonest: number | null = null;
    for (const name of ORDER) {
      for (const note of this.#lines[name]) {
        if (busy(note)) continue;
        if (soonest === null || note.due_ms < soonest) soonest = note.due_ms;
        if (SORTED.has(name)) break;
      }
    }
    return soonest;
  }

  /** When the note that is due longest was due, also of those that failed and are tried again later; null if none waits. */
  firstDue(): number | null {
    let first: number | null = null;
    for (const name of ORDER) {
      for (const note of this.#lines[name]) {
        const due_ms = firstDueOf(note);
        if (first === null || due_ms < first) first = due_ms;
        if (SORTED.has(name)) break;
      }
    }
    return first;
  }

  *notes(): Generator<Note> {
    for (const name of ORDER) yield* this.#lines[name];
  }

  #enter(note: Note): void {
    this.#notes[note.kind].set(note.id, note);
    this.#lines[lineOf(note)].add(note);
  }
}

export const firstDueOf = ({ first_due_ms, due_ms }: Note): number => first_due_ms ?? due_ms;

const ORDER: readonly Line[] = ['summary', 'transition', 'work', 'progress', 'heartbeat', 'failed'];
/** In these the head is the first that is due, because all notes wait equally long. */
const SORTED: ReadonlySet<Line> = new Set(['transition', 'work', 'progress', 'heartbeat']);
const SUMMARIES: ReadonlySet<SubjectKind> = new Set(['hour', 'day', 'queues', 'health']);

function lineOf(note: Note): Line {
  if (note.failures > 0) return 'failed';
  return SUMMARIES.has(note.kind) || note.urgency === 'sums' ? 'summary' : note.urgency;
}
