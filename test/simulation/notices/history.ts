/**
 * One history of notifications: one to three monitors with a model of the log, whose processes are killed and suspended, and
 * destinations that fail, stall, and lose responses; jobs with webhooks that end, workers that fall silent and come back. Then
 * quiet, in which everything must arrive. From one seed.
 */
import { NotifierError } from '../../../notifiers/notifier.ts';
import { ROUTE_DEFAULTS } from '../../../server/notices/routes/routes.ts';
import { NoticeSender } from '../../../server/notices/sender.ts';
import type { CommandBody } from '../../../server/state-machine/decide/commands.ts';
import type { JournalEvent } from '../../../server/state-machine/events.ts';
import type { NoticeRecord } from '../../../server/state-machine/state/notices.ts';
import type { State } from '../../../server/state-machine/state/state.ts';
import { POLICY } from '../../../server/state-machine/testing.ts';
import { Chance } from '../chance.ts';
import { ModelEngine, ModelLog } from '../queue/model-log.ts';
import { type Process, type Violation, World } from '../world.ts';

export type NoticesResult = {
  seed: number;
  violation: Violation | null;
  steps: string[];
  trace: string;
  counts: Record<string, number>;
};

type Instance = { name: string; process: Process; engine: ModelEngine };

/** `takes`: the message but not the response arrives. */
type Fate = 'ok' | 'fails' | 'takes' | 'hangs';

const STEPS = 60;
const TICK_MS = 5_000;
const SEND_MAX_MS = 15_000;
const QUIET_MS = 12 * 3_600_000;
const SUSPENDED_MAX_MS = 200_000;
const URLS = ['https://a.example/1', 'https://a.example/2', 'https://b.example/', 'https://c.example/'];

export async function runNoticesHistory(seed: number): Promise<NoticesResult> {
  const history = new NoticesHistory(seed);
  await history.run();
  return history.result();
}

class NoticesHistory {
  readonly #seed: number;
  readonly #chance: Chance;
  readonly #world = new World();
  readonly #log: ModelLog;
  readonly #instances: Instance[] = [];
  readonly #sole: boolean;
  readonly #names: readonly string[];
  readonly #workers: readonly string[];
  readonly #silent = new Set<string>();
  /** Ends of jobs that must be notified: what is notified of → ids under which it was received. */
  readonly #ends = new Map<string, Set<string>>();
  readonly #received = new Set<string>();
  /** Sends that a living process has under way → when they began. */
  readonly #underway = new Map<string, { process: Process; began_ms: number }>();
  readonly #rates: Record<string, Record<Fate, number>> = {};
  readonly #counts: Record<string, number> = {};
  #ids = 0;
  #steps = STEPS;
  #quiet = false;

  constructor(seed: number) {
    this.#seed = seed;
    const chance = new Chance(seed);
    this.#chance = chance;
    this.#names = chance.pick([['a'], ['a', 'b'], ['a', 'b', 'c']]);
    this.#sole = this.#names.length === 1;
    this.#workers = Array.from({ length: chance.whole(1, 5) }, (_, n) => `worker-${n}`);
    const notifiers = ['ops', 'oncall'];
    this.#log = new ModelLog(this.#world, {
      ...POLICY,
      worker_degraded_ms: 10_000,
      worker_lost_ms: 20_000,
      worker_terminated_ms: 1e12,
      routing: {
        notifiers: new Set(notifiers),
        routes: [{ ...ROUTE_DEFAULTS, notify: notifiers, group_by: chance.pick([['alertname'], []]) }],
      },
    });
    this.#log.observe = ({ events, at_ms }, before) => this.#audit(events, before, at_ms);
    for (const destination of ['https://a.example', 'https://b.example', 'https://c.example', ...notifiers]) {
      const rate = () => chance.pick([0, 0, 0.2, 1, 5]);
      this.#rates[destination] = { ok: 1, fails: rate(), takes: rate(), hangs: rate() / 2 };
    }
  }

  async run(): Promise<void> {
    this.#log.unknown = this.#chance.pick([0, 0.02, 0.1]);
    for (const worker_id of this.#workers)
      this.#commit({ type: 'register_worker', worker_id, registration: { capabilities: {} } });
    this.#beat();
    for (const name of this.#names) this.#start(name);
    this.#world.after(500, null, () => this.#step());
    await this.#world.run(() => this.#steps <= 0);
    this.#quieten();
    const settled_ms = this.#world.now_ms + SUSPENDED_MAX_MS;
    await this.#world.run(() => this.#world.now_ms > settled_ms);
    const end_ms = this.#world.now_ms + QUIET_MS;
    await this.#world.run(() => this.#isDone() || this.#world.now_ms > end_ms);
    this.#auditEnd();
  }

  result(): NoticesResult {
    const { violation } = this.#world;
    const counts = { ...this.#counts, segments: this.#log.end.seq, ends: this.#ends.size };
    const steps = violation ? this.#world.lastSteps : [];
    return { seed: this.#seed, violation, steps, trace: this.#world.traceHash(), counts };
  }

  #start(name: string): void {
    const world = this.#world;
    const process: Process = { name, alive: true, paused_until_ms: 0 };
    const engine = new ModelEngine(this.#log, process, this.#chance);
    const clock = {
      now: () => world.now_ms,
      monotonic: () => world.now_ms,
      after: (delay_ms: number, run: () => void) => world.after(delay_ms, process, run),
    };
    const sender = new NoticeSender({
      engine,
      clock,
      random: this.#chance,
      sole: this.#sole,
      newId: () => this.#id('sender'),
      deliver: (notice) => this.#deliver(notice, process),
      log: (_, message) => world.note(`${name}: ${message}`),
    });
    const instance = { name, process, engine };
    this.#instances.push(instance);
    sender.start();
    this.#tick(instance);
  }

  #tick(instance: Instance): void {
    this.#world.after(this.#chance.between(TICK_MS / 2, TICK_MS), instance.process, () => {
      this.#auditFold(instance);
      const ids = Array.from({ length: 8 }, () => this.#id('alert'));
      const notice_ids = Array.from({ length: 4 }, () => this.#id('message'));
      void this.#ask({ type: 'tick', ids, expire: true, judge_from: null, notice_ids }, instance, '~');
      this.#tick(instance);
    });
  }

  /** A send takes its time at the receiver, whether its sender lives or not. */
  #deliver({ id, content, destination }: NoticeRecord, process: Process): Promise<void> {
    const world = this.#world;
    const { end } = this.#log;
    const before = this.#underway.get(id);
    if (before?.process.alive && world.now_ms - before.began_ms < SEND_MAX_MS) {
      world.violate('one sender at a time', `${process.name} sends ${id}, which ${before.process.name} is sending`);
    }
    if ((end.tables.notices.get(id)?.attempts ?? 1) === 0) world.violate('claimed before it is sent', id);
    this.#underway.set(id, { process, began_ms: world.now_ms });
    const fate = this.#quiet ? 'ok' : this.#chance.weighted(this.#rates[destination]!);
    world.note(`${process.name} sends ${id} to ${destination}: ${fate}`);
    this.#count(fate);
    const takes_ms = fate === 'hangs' ? SEND_MAX_MS : this.#chance.between(5, this.#chance.pick([100, 5_000]));
    const took = fate === 'ok' || fate === 'takes';
    if (took) world.after(takes_ms / 2, null, () => this.#receive(id, content));
    return new Promise((resolve, reject) => {
      world.after(takes_ms, process, () => {
        if (this.#underway.get(id)?.process === process) this.#underway.delete(id);
        if (fate === 'ok') resolve();
        else reject(new NotifierError(fate, { status: fate === 'fails' ? 503 : 0 }));
      });
    });
  }

  #receive(id: string, content: NoticeRecord['content']): void {
    if (this.#received.has(id)) this.#count('received_again');
    this.#received.add(id);
    if (content.kind !== 'job') return;
    const { job_id, ended_ms } = content.job;
    const ids = this.#ends.get(`${job_id} ${content.end} ${ended_ms}`);
    if (!ids) return this.#world.violate('only what happened', `${id} is of no end of ${job_id}`);
    ids.add(id);
    if (ids.size > 1)
      this.#world.violate('one id', `${job_id} ${content.end} was received as ${[...ids].join(' and ')}`);
  }

  #step(): void {
    if (this.#steps-- <= 0) return;
    this.#do();
    this.#world.after(this.#chance.between(10, this.#chance.pick([500, 5_000, 60_000])), null, () => this.#step());
  }

  #do(): void {
    const chance = this.#chance;
    const deed = chance.weighted({ end: 12, replay: 1, silence: 3, return: 3, kill: 3, pause: 1, change: 2 });
    this.#world.note(deed);
    this.#count(deed);
    switch (deed) {
      case 'end':
        return this.#endJobs();
      case 'replay': {
        const notice_id = chance.pick(['none', ...this.#log.end.tables.notices.clone().keys()]);
        return void this.#ask({ type: 'replay_notice', notice_id });
      }
      case 'silence':
        this.#silent.add(chance.pick(this.#workers));
        return;
      case 'return':
        this.#silent.clear();
        return;
      case 'kill': {
        const [instance] = this.#instances.splice(chance.whole(0, this.#instances.length - 1), 1);
        if (!instance) return;
        instance.process.alive = false;
        this.#world.after(chance.between(100, chance.pick([2_000, 100_000])), null, () => this.#start(instance.name));
        return;
      }
      case 'pause':
        for (const { process } of this.#instances.slice(0, 1)) {
          process.paused_until_ms = this.#world.now_ms + chance.between(1_000, SUSPENDED_MAX_MS);
        }
        return;
      case 'change': {
        const rates = this.#rates[chance.pick(Object.keys(this.#rates))]!;
        rates.fails = chance.pick([0, 5]);
        rates.hangs = chance.pick([0, 0, 2]);
      }
    }
  }

  /** Jobs are submitted and cancelled: an end is all that matters here. */
  #endJobs(): void {
    const jobs = Array.from({ length: this.#chance.pick([1, 1, 5, 30]) }, () => ({
      job_id: this.#id('job'),
      audio_url: 's3://audio/a.mp3',
      webhook_url: this.#chance.pick(URLS),
    }));
    this.#commit({ type: 'submit_jobs', jobs });
    for (const { job_id } of jobs) this.#commit({ type: 'cancel_job', job_id });
  }

  #beat(): void {
    for (const worker_id of this.#workers) {
      if (!this.#silent.has(worker_id)) this.#commit({ type: 'beat', worker_id, health: {}, leases: [] });
    }
    this.#world.after(5_000, null, () => this.#beat());
  }

  #quieten(): void {
    this.#world.note('quiet');
    this.#quiet = true;
    this.#log.unknown = 0;
    this.#silent.clear();
    for (const { process } of this.#instances)
      process.paused_until_ms = Math.min(process.paused_until_ms, this.#world.now_ms);
  }

  #isDone(): boolean {
    const { notices_due, alert_groups } = this.#log.end.tables;
    return notices_due.size === 0 && alert_groups.size === 0;
  }

  #audit(events: readonly JournalEvent[], before: State, at_ms: number): void {
    for (const event of events) {
      if (event.type === 'JobCancelled') this.#ends.set(`${event.entity} cancelled ${at_ms}`, new Set());
      if (event.type === 'NoticeFailed' && event.data.next_ms === null) {
        this.#world.violate('nothing is given up', `${event.entity} has failed for good: ${event.data.error}`);
      }
      if (event.type !== 'AlertsNotified') continue;
      this.#count('messages');
      const { group, notified, content } = event.data;
      const stored = before.tables.alert_groups.get(group);
      if (!stored || content.resolved > 0) continue;
      const names = (of: typeof notified) =>
        of
          .map(([fingerprint]) => fingerprint)
          .sort()
          .join();
      const early = at_ms - stored.last_ms < ROUTE_DEFAULTS.repeat_interval_ms;
      if (early && names(notified) === names(stored.notified)) {
        this.#world.violate(
          'no message twice',
          `${event.entity} says what was said ${at_ms - stored.last_ms} ms before`,
        );
      }
    }
  }

  #auditFold({ name, engine: { state } }: Instance): void {
    const { end } = this.#log;
    if (state === end || state.seq !== end.seq) return;
    const idsOf = (of: State) => [...of.tables.notices.clone().keys()].join();
    if (idsOf(state) !== idsOf(end)) this.#world.violate('equal folds', `${name} has other notices than the log`);
  }

  #auditEnd(): void {
    if (this.#world.violation) return;
    const { tables } = this.#log.end;
    for (const { id, state, last_error } of tables.notices.values()) {
      if (state !== 'delivered') this.#world.violate('everything arrives', `${id} is ${state}: ${last_error}`);
      if (!this.#received.has(id)) this.#world.violate('only what arrived is delivered', id);
    }
    for (const [end, ids] of this.#ends)
      if (ids.size === 0) this.#world.violate('everything arrives', `nobody heard of ${end}`);
    if (tables.alert_groups.size > 0) this.#world.violate('groups end', `${tables.alert_groups.size} are open`);
  }

  #commit(body: CommandBody): void {
    this.#log.commit({ id: this.#id(body.type === 'beat' ? '~c' : 'c'), fingerprint: '', actor: 'sim', body });
  }

  #ask(body: CommandBody, at?: Instance, prefix = ''): Promise<unknown> {
    const instance = at ?? (this.#instances.length > 0 ? this.#chance.pick(this.#instances) : undefined);
    if (!instance) return Promise.resolve();
    const command = { id: `${prefix}${this.#id('c')}`, fingerprint: '', actor: 'sim', body };
    return instance.engine.submit(command).catch(() => undefined);
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }

  #id(kind: string): string {
    this.#ids += 1;
    return `${kind}-${this.#ids}`;
  }
}
