/**
 * The rules of the log. Every segment is read at the moment its name is first created, its commands are decided again
 * and its events applied again, from the first on: the result is the fold that every instance must hold, whatever
 * happened to it.
 */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { decodeSegment, NO_HASH } from '../../server/journal/segment.ts';
import { applyEvents, beginSegment } from '../../server/state-machine/apply/apply.ts';
import type { Command } from '../../server/state-machine/decide/commands.ts';
import { decide } from '../../server/state-machine/decide/decide.ts';
import type { Policy } from '../../server/state-machine/decide/policy.ts';
import type { JournalEvent } from '../../server/state-machine/events.ts';
import type { ArchivedJob, CommandRef, Pack } from '../../server/state-machine/state/records.ts';
import { snapshotRows } from '../../server/state-machine/state/snapshot.ts';
import { State } from '../../server/state-machine/state/state.ts';
import { auditEvent } from './domain-audit.ts';
import type { World } from './world.ts';

export type AuditedSegment = {
  hash: string;
  at_ms: number;
  lines: readonly string[];
  /** The fold after each command of the segment; the last is the fold after the segment. */
  folds: State[];
};

/** The settings with which an instance decides. */
export type PolicyOf = (instance: string) => Policy;

export type Effect = { seq: number; name: string; refs: readonly CommandRef[] };

/** How much a machine's clock may add to log time. */
const CLOCK_TOLERANCE_MS = 2_500;

export class LogAudit {
  /** The segment of each sequence number; there is none with number 0. */
  readonly segments: AuditedSegment[] = [{ hash: NO_HASH, at_ms: 0, lines: [], folds: [new State()] }];
  /** Every command ever sent, by id and fingerprint. */
  readonly commands = new Map<string, Command>();
  /** Where each command took effect, and its remembered outcome. Several only if it was forgotten in between. */
  readonly effects = new Map<string, Effect[]>();
  events = 0;
  readonly #world: World;
  readonly #policyOf: PolicyOf;
  /** Jobs as they were when the journal recorded that they are in the archive, and where they are now. */
  readonly forgotten = new Map<string, ArchivedJob>();
  /**
   * Jobs that a repeated submission created again after the first was forgotten: the monitor would generate other ids,
   * the load does not.
   */
  readonly made_again = new Set<string>();
  readonly #hashes = new Map<number, string>();
  readonly #forgotten = new Set<string>();

  constructor(world: World, policyOf: PolicyOf) {
    this.#world = world;
    this.#policyOf = policyOf;
  }

  get head(): number {
    return this.segments.length - 1;
  }

  fold(seq: number): State {
    return this.segments[seq]!.folds.at(-1)!;
  }

  /** The fold at the log's end. */
  get end(): State {
    return this.fold(this.head);
  }

  hash(seq: number): string {
    const known = this.#hashes.get(seq);
    if (known !== undefined) return known;
    const hash = stateHash(this.fold(seq));
    this.#hashes.set(seq, hash);
    return hash;
  }

  send(command: Command): void {
    this.commands.set(`${command.id}/${command.fingerprint}`, command);
  }

  wasForgotten(command_id: string): boolean {
    return this.#forgotten.has(command_id);
  }

  /** A segment's name was created. Only the first creation makes it part of the log. */
  created(seq: number, bytes: Uint8Array): void {
    if (seq <= this.head) return;
    const previous = this.segments[this.head]!;
    if (seq !== this.head + 1) {
      return this.#world.violate('I2', `segment ${seq} was created after ${this.head}`);
    }
    const journal_id = headerOf(bytes).journal_id;
    const { header, lines, hash } = decodeSegment(bytes, { journal_id, seq });
    if (header.prev !== previous.hash) {
      return this.#world.violate('I2', `segment ${seq} of ${header.instance} does not follow segment ${seq - 1}`);
    }
    if (header.at > this.#world.now_ms + CLOCK_TOLERANCE_MS) {
      return this.#world.violate(
        'I10',
        `segment ${seq} of ${header.instance} is ${header.at - this.#world.now_ms} ms ahead`,
      );
    }
    const at_ms = Math.max(previous.at_ms, header.at);
    const folds = this.#follow(seq, { at_ms, lines, policy: this.#policyOf(header.instance) });
    this.segments.push({ hash, at_ms, lines, folds });
    this.events += lines.length;
  }

  /** Decides and applies the segment's commands one by one. */
  #follow(seq: number, { at_ms, lines, policy }: { at_ms: number; lines: readonly string[]; policy: Policy }): State[] {
    const folds: State[] = [];
    const fold = this.end.clone();
    beginSegment(fold, seq, at_ms);
    const events = lines.map((line) => JSON.parse(line) as JournalEvent);
    for (let from = 0; from < events.length; ) {
      const name = commandOf(events[from]!.id);
      let to = from + 1;
      while (to < events.length && commandOf(events[to]!.id) === name) to += 1;
      const written = events.slice(from, to);
      this.#check({ seq, name, policy }, fold, written);
      for (const event of written) {
        auditEvent(this.#world, fold, event, this.commands.get(name));
        this.#rememberForgotten(fold, event);
        applyEvents(fold, [event]);
      }
      this.#remember(seq, name, fold);
      folds.push(fold.clone());
      from = to;
    }
    return folds;
  }

  #rememberForgotten(fold: State, { type, data }: JournalEvent): void {
    if (type !== 'JobsArchived' && type !== 'ArchivePacked') return;
    const { job_ids, pack } = data as { job_ids: readonly string[]; pack: Pack };
    for (const job_id of job_ids) {
      const job = type === 'JobsArchived' ? fold.job(job_id) : this.forgotten.get(job_id)?.job;
      if (job) this.forgotten.set(job_id, { job, pack: pack.key });
    }
  }

  #remember(seq: number, name: string, fold: State): void {
    const id = name.slice(0, name.indexOf('/'));
    const effect = { seq, name, refs: fold.tables.commands.get(id)?.refs ?? [] };
    this.effects.set(id, [...(this.effects.get(id) ?? []), effect]);
  }

  #check(
    { seq, name, policy }: { seq: number; name: string; policy: Policy },
    fold: State,
    written: readonly JournalEvent[],
  ): void {
    const command = this.commands.get(name);
    if (!command) return this.#world.violate('I3', `segment ${seq} has events of ${name}, which was never sent`);
    const before = this.effects.get(command.id);
    if (before && !this.#forgotten.has(command.id)) {
      this.#world.violate('I5', `${command.id} took effect in segment ${before[0]?.seq} and again in ${seq}`);
    }
    if (before) for (const { type, entity } of written) if (type === 'JobSubmitted') this.made_again.add(entity);
    for (const { type, data } of written) {
      if (type !== 'CommandsForgotten') continue;
      const { through_ordinal } = data as { through_ordinal: number };
      for (const [ordinal, id] of fold.tables.commands_by_age.entries()) {
        if (ordinal <= through_ordinal) this.#forgotten.add(id);
      }
    }
    const { events } = decide(fold, command, { at_ms: fold.at_ms, policy });
    const expected = JSON.parse(JSON.stringify(events ?? [])) as unknown;
    const found = written.map(({ type, entity, data }) => ({ type, entity, data }));
    if (!isDeepStrictEqual(found, expected)) {
      this.#world.violate(
        'I3',
        `segment ${seq}: ${command.body.type} ${name} against the fold of ${seq - 1} gives ${JSON.stringify(expected)}, not ${JSON.stringify(found)}`,
      );
    }
  }
}

/** `<command>/<fingerprint>` of an event's id. */
const commandOf = (event_id: string): string => event_id.slice(0, event_id.lastIndexOf('/'));

export function stateHash(state: State): string {
  return createHash('sha256')
    .update(`${[...snapshotRows(state)].join('\n')}\n`)
    .digest('hex');
}

export function headerOf(bytes: Uint8Array): { journal_id: string } {
  const text = Buffer.from(bytes).toString();
  return JSON.parse(text.slice(0, text.indexOf('\n'))) as { journal_id: string };
}
