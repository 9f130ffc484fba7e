/**
 * One subscription: what it follows, what it says first, and how it catches up with what was missed.
 *
 *     since given    → catching up: from the journal's segments, then from the hub's memory → live
 *                    → too far back, or from the future: reset (the state now) → live
 *     no since       → state (the state now) → live
 *
 * The step to live is taken in one turn of the event loop after the last kept message, so nothing falls between.
 */
import type { FeedFilter, FeedPosition, FeedResource } from '../../protocol/feed.ts';
import type { Clock } from '../clock.ts';
import {
  activeAlerts,
  alertDocument,
  deadLetterQueueDocument,
  healthDocument,
  mainQueueDocument,
  workerDocument,
} from '../state-machine/documents.ts';
import { JobMatcher } from '../state-machine/match.ts';
import type { FeedHub, Follower } from './hub.ts';
import type { Outbox } from './outbox.ts';
import { endOf, isAfter } from './position.ts';
import { type FeedUpdate, jobState, updateOf } from './updates.ts';

export type Target = { resource: FeedResource; id: string | null; filter: FeedFilter };

/** Current jobs that a first message names, newest first. */
const STATE_JOBS_MAX = 1000;
/** Segments that are read back; who missed more gets a reset. */
const SEGMENTS_BACK_MAX = 10_000;
const PREFETCH = 16;
/** Queue, system: sums, told at most this often. */
const SUMS_MS = 1_000;

export class Subscription implements Follower {
  readonly target: Target;
  readonly #hub: FeedHub;
  readonly #clock: Clock;
  readonly #outbox: Outbox;
  /** What this reader was given last, through any of its subscriptions: the same event is not given twice. */
  readonly #given: { last: FeedPosition | null };
  readonly #matcher: JobMatcher | null;
  #cancelSums: (() => void) | null = null;
  #ended = false;

  constructor(
    target: Target,
    { hub, clock, outbox, given }: { hub: FeedHub; clock: Clock; outbox: Outbox; given: { last: FeedPosition | null } },
  ) {
    this.target = target;
    this.#hub = hub;
    this.#clock = clock;
    this.#outbox = outbox;
    this.#given = given;
    const { state: _, ...lasting } = target.filter;
    this.#matcher = Object.keys(lasting).length > 0 ? new JobMatcher(lasting) : null;
  }

  /** Says what there is to say first, then follows. */
  async start(since: FeedPosition | undefined): Promise<void> {
    if (!since) this.#sayState('state');
    else if (!(await this.#catchUp(since)) && !this.#ended) this.#sayState('reset');
    if (this.#ended) return;
    this.#hub.follow(this.#topic, this);
  }

  end(): void {
    this.#ended = true;
    this.#cancelSums?.();
    this.#hub.unfollow(this.#topic, this);
    this.#hub.leave(this);
  }

  update(update: FeedUpdate): void {
    if (!this.#wants(update)) return;
    const { last } = this.#given;
    if (last && last.seq === update.position.seq && last.index === update.position.index) return;
    this.#given.last = update.position;
    this.#give(update);
  }

  segment(): void {
    this.#cancelSums ??= this.#clock.after(SUMS_MS, () => {
      this.#cancelSums = null;
      if (!this.#ended) this.#sayState('update');
    });
  }

  gap(): void {
    this.#sayState('reset');
  }

  get #topic(): string {
    const { resource, id } = this.target;
    if (resource === 'job' || resource === 'worker') return `${resource}|${id}`;
    return resource === 'queue' || resource === 'system' ? 'sums' : resource;
  }

  #give({ text, position, soft, kind, id }: FeedUpdate): void {
    this.#outbox.happened(text, position, soft ? `${kind}|${id}` : undefined);
  }

  #wants({ kind, id, state }: FeedUpdate): boolean {
    const { resource, filter } = this.target;
    if (`${kind}s` !== resource && kind !== resource) return false;
    if (kind === resource && id !== this.target.id) return false;
    if (kind !== 'job') return true;
    if (filter.state !== undefined && state !== filter.state) return false;
    if (!this.#matcher) return true;
    const job = this.#hub.engine.state.job(id);
    return job !== undefined && this.#matcher.test(job);
  }

  /** Gives exactly what came after `since`. False: that can't be known any more. */
  async #catchUp(since: FeedPosition): Promise<boolean> {
    const { engine } = this.#hub;
    const { resource } = this.target;
    if (resource === 'queue' || resource === 'system') return false;
    if (isAfter(since, endOf(engine.state.seq))) return false;
    let at = since;
    for (let segments = 0; segments < SEGMENTS_BACK_MAX; segments += PREFETCH) {
      const kept = this.#hub.keptSince(at);
      if (kept) {
        for (const update of kept) if (this.#wants(update)) this.#give(update);
        return true;
      }
      const last = Math.min(at.seq + PREFETCH - 1, engine.state.seq);
      const seqs = Array.from({ length: last - at.seq + 1 }, (_, i) => at.seq + i);
      for (const [i, events] of (await Promise.all(seqs.map((seq) => engine.eventsOf(seq)))).entries()) {
        if (!events || this.#ended) return false;
        const seq = seqs[i]!;
        for (const [index, event] of events.entries()) {
          const update = isAfter({ seq, index }, at) ? updateOf(event, { seq, index }) : undefined;
          if (update && this.#wants(update)) this.#give(update);
        }
        at = endOf(seq);
      }
      await this.#outbox.ready();
    }
    return false;
  }

  #sayState(type: 'state' | 'reset' | 'update'): void {
    const { position } = this.#hub;
    const { resource, id } = this.target;
    this.#outbox.happened(JSON.stringify(this.#stateNow(type, position)), position, `now ${resource} ${id}`);
  }

  #stateNow(type: 'state' | 'reset' | 'update', position: FeedPosition): object {
    const { state } = this.#hub.engine;
    const { resource, id, filter } = this.target;
    const said = { type, resource, ...position };
    switch (resource) {
      case 'job': {
        const job = state.job(id!);
        return job ? jobState(type === 'reset' ? 'reset' : 'state', job, position) : { ...said, job_id: id };
      }
      case 'jobs': {
        const items: object[] = [];
        const matcher = new JobMatcher(filter);
        for (const [, job_id] of state.tables.jobs_by_creation.entriesReversed()) {
          const job = state.job(job_id);
          if (job && job.completed_ms === null && matcher.test(job)) items.push(jobState('state', job, position));
          if (items.length === STATE_JOBS_MAX) break;
        }
        return { ...said, items };
      }
      case 'worker': {
        const worker = state.worker(id!);
        return { ...said, worker_id: id, ...(worker ? workerDocument(state, worker) : {}) };
      }
      case 'workers': {
        const live = [...state.tables.workers.values()].filter((worker) => worker.state !== 'TERMINATED');
        return { ...said, items: live.map((worker) => workerDocument(state, worker)) };
      }
      case 'alerts':
        return { ...said, items: activeAlerts(state).map(alertDocument) };
      case 'queue':
        return { ...said, ...(id === 'dlq' ? deadLetterQueueDocument(state) : mainQueueDocument(state)) };
      case 'system':
        return { ...said, ...healthDocument(state) };
    }
  }
}
