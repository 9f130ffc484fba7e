/**
 * One history: a few monitors over one store, some hundred steps of load and accidents, then quiet, in which everything
 * must come right. All from one seed.
 */
import type { Engine } from '../../server/engine.ts';
import { JournalError } from '../../server/journal/errors.ts';
import { isRemembered } from '../../server/state-machine/apply.ts';
import { type Command, type Policy, soft } from '../../server/state-machine/commands.ts';
import { AnswerAudit } from './answer-audit.ts';
import { Chance } from './chance.ts';
import { auditState, rebuiltIndexes } from './domain-audit.ts';
import { type Fault, Faults } from './faults.ts';
import { Instance, type InstanceOptions } from './instance.ts';
import { Load } from './load.ts';
import { LogAudit } from './log-audit.ts';
import { SimStore } from './sim-store.ts';
import { StoreAudit } from './store-audit.ts';
import { StorePort, type Weather } from './store-port.ts';
import { type Violation, World } from './world.ts';

export type HistoryResult = {
  seed: number;
  violation: Violation | null;
  steps: string[];
  trace: string;
  commits: number;
  events: number;
  answers: number;
  acknowledged: number;
  snapshots: number;
  deleted_segments: number;
  recreated_segments: number;
  faults: Partial<Record<Fault, number>>;
};

const MINUTE_MS = 60_000;
/** The least the settings allow, so that names are freed often. */
const RETENTION_MS = 10 * MINUTE_MS;

const DEEDS = {
  ask: 74,
  ask_again: 6,
  ask_mistakenly: 1,
  crash: 2,
  stop: 1,
  pause: 3,
  clock_jump: 2,
  outage: 1,
  writes_refused: 1.5,
  all_refused: 0.7,
  object_damaged: 0.5,
  snapshot: 2,
  truncate: 9,
  read: 4,
} as const;

export async function runHistory(seed: number): Promise<HistoryResult> {
  const history = new History(seed);
  await history.run();
  return history.result();
}

class History {
  readonly #seed: number;
  readonly #world = new World();
  readonly #chance: Chance;
  readonly #faults: Faults;
  readonly #deeds: Readonly<Record<keyof typeof DEEDS, number>>;
  readonly #policy: Policy;
  readonly #store: SimStore;
  readonly #log: LogAudit;
  readonly #storeAudit: StoreAudit;
  readonly #answers: AnswerAudit;
  readonly #load: Load;
  readonly #instances: Instance[];
  readonly #weather: Weather = { down_until_ms: 0, refuses_writes_until_ms: 0, refuses_all_until_ms: 0 };
  readonly #sent: Command[] = [];
  #steps_left: number;
  #unanswered = new Set<string>();

  constructor(seed: number) {
    this.#seed = seed;
    const chance = new Chance(seed);
    this.#chance = chance;
    const sleepy = chance.happens(0.4);
    this.#faults = new Faults(chance, sleepy);
    this.#deeds = sleepy ? { ...DEEDS, truncate: 14, snapshot: 4 } : DEEDS;
    this.#policy = policyOf(chance);
    this.#store = new SimStore(this.#world, chance.happens(0.5) ? 1000 : 1);
    this.#log = new LogAudit(this.#world, this.#policy);
    this.#storeAudit = new StoreAudit({
      world: this.#world,
      store: this.#store,
      log: this.#log,
      retention_ms: RETENTION_MS,
    });
    this.#store.observer = this.#storeAudit;
    this.#answers = new AnswerAudit(this.#world, this.#log, this.#policy);
    this.#load = new Load(chance);
    this.#steps_left = chance.whole(120, 320);
    const options = optionsOf(chance, this.#policy, sleepy);
    const page = chance.pick([3, 1000]);
    this.#instances = Array.from({ length: chance.whole(sleepy ? 2 : 1, 3) }, (_, i) => {
      return new Instance({
        name: 'abc'[i]!,
        world: this.#world,
        chance,
        connect: (process) =>
          new StorePort({
            world: this.#world,
            store: this.#store,
            faults: this.#faults,
            process,
            sleep: (length_ms) => this.#sleep(this.#instances[i]!, length_ms),
            weather: this.#weather,
            page,
          }),
        options,
        observer: {
          opened: (instance, engine) => this.#answers.watch(instance.process.name, engine),
          logged: (instance, level, message) => this.#logged(instance, level, message),
        },
      });
    });
  }

  async run(): Promise<void> {
    const rejected = (error: unknown) => this.#world.violate('crash', `a promise was rejected unheard: ${error}`);
    process.on('unhandledRejection', rejected);
    try {
      for (const instance of this.#instances) instance.start();
      this.#world.after(1_000, null, () => this.#step());
      await this.#world.run(() => this.#steps_left <= 0);
      await this.#quieten();
      this.#auditEnd();
    } finally {
      process.off('unhandledRejection', rejected);
    }
  }

  result(): HistoryResult {
    return {
      seed: this.#seed,
      violation: this.#world.violation,
      steps: this.#world.violation ? this.#world.lastSteps : [],
      trace: this.#world.traceHash(),
      commits: this.#log.head,
      events: this.#log.events,
      answers: this.#answers.answers,
      acknowledged: this.#answers.acknowledged,
      snapshots: this.#storeAudit.snapshots,
      deleted_segments: this.#storeAudit.deleted_segments,
      recreated_segments: this.#storeAudit.recreated_segments,
      faults: this.#faults.counts,
    };
  }

  #step(): void {
    if (this.#steps_left <= 0) return;
    this.#steps_left -= 1;
    const chance = this.#chance;
    this.#do(chance.weighted(this.#deeds));
    const wait = chance.weighted({ burst: 60, flow: 28, lull: 12 });
    const [from, to] = { burst: [1, 800], flow: [1_000, 30_000], lull: [30_000, 6 * MINUTE_MS] }[wait] as [
      number,
      number,
    ];
    this.#world.after(chance.between(from, to), null, () => this.#step());
  }

  #do(deed: keyof typeof DEEDS): void {
    const chance = this.#chance;
    const faults = this.#faults;
    const instance = chance.pick(this.#instances);
    const until = (from: number, to: number) => this.#world.now_ms + chance.between(from, to);
    switch (deed) {
      case 'ask':
        return this.#ask(this.#load.next(this.#log.fold(this.#log.head)), instance);
      case 'ask_again':
        return this.#sent.length > 0 ? this.#ask(chance.pick(this.#sent), instance) : undefined;
      case 'ask_mistakenly':
        if (this.#sent.length === 0) return;
        return this.#ask(this.#load.mistaken(chance.pick(this.#sent), this.#log.fold(this.#log.head)), instance);
      case 'crash':
        if (!faults.strikes('crash', 1)) return;
        instance.crash();
        return instance.startLater();
      case 'stop':
        void instance.stop().then(() => instance.startLater());
        return;
      case 'pause':
        if (faults.strikes('pause', 1)) this.#sleep(instance, faults.pauseLength());
        return;
      case 'clock_jump':
        if (faults.strikes('clock_jump', 1))
          instance.setClock(chance.between(-1, 1) * chance.pick([3_000, 86_400_000]));
        return;
      case 'outage':
        if (faults.strikes('outage', 1)) this.#weather.down_until_ms = until(2_000, 90_000);
        return;
      case 'writes_refused':
        if (faults.strikes('writes_refused', 1)) this.#weather.refuses_writes_until_ms = until(1_000, 60_000);
        return;
      case 'all_refused':
        if (faults.strikes('all_refused', 1)) this.#weather.refuses_all_until_ms = until(1_000, 30_000);
        return;
      case 'object_damaged':
        if (faults.strikes('object_damaged', 1)) this.#storeAudit.damageNewest();
        return;
      case 'snapshot':
      case 'truncate':
        if (!instance.asleep) void instance.engine?.journal[deed]().catch(() => {});
        return;
      case 'read':
        return this.#read(instance);
    }
  }

  /** A machine sleeps, and sometimes others with it: they had stood in one rack. Of several, one stays awake. */
  #sleep(instance: Instance, length_ms: number): boolean {
    const awake = this.#instances.filter((other) => other !== instance && other.engine && !other.asleep);
    if (this.#instances.length > 1 && awake.length === 0) return false;
    instance.sleep(length_ms);
    if (this.#chance.happens(0.4)) {
      for (const other of awake.slice(1)) other.sleep(length_ms * this.#chance.between(0.9, 1.1));
    }
    return true;
  }

  /** Sends a command; a caller who isn't sure, or whose answer got lost, sends it again, elsewhere perhaps. */
  #ask(command: Command, instance: Instance, tries = 3): void {
    const chance = this.#chance;
    this.#log.send(command);
    if (isRemembered(command.id)) this.#sent.push(command);
    const again = () => {
      if (tries <= 1 || !isRemembered(command.id) || !chance.happens(0.8)) return;
      this.#world.after(chance.between(10, 20_000), null, () => {
        this.#ask(command, chance.pick(this.#instances), tries - 1);
      });
    };
    const { process } = instance;
    if (!process.alive) return again();
    this.#world.after(chance.between(1, 30), process, () => {
      const { engine } = instance;
      if (!engine || instance.process !== process) return again();
      if (soft(command.body)) return engine.submitSoft(command);
      const asking = this.#answers.asked(command, process.name);
      engine.submit(command).then(
        (outcome) => {
          if (!process.alive) return;
          this.#answers.acked(asking, outcome);
          if (this.#faults.strikes('reply_lost', 0.1)) return again();
          this.#load.told(command, outcome);
        },
        (error: unknown) => {
          if (!process.alive) return;
          this.#answers.failed(asking, error);
          if (!(error instanceof Error && error.name === 'Refused')) again();
        },
      );
    });
  }

  /** A reader who must see what was there when it asked; it may have asked a sleeping machine. */
  #read(instance: Instance): void {
    const { process } = instance;
    this.#world.after(this.#chance.between(1, 30), process, () => {
      const { engine } = instance;
      if (!engine || instance.process !== process) return;
      const head = this.#log.head;
      void engine.journal.catchUp().then(() => {
        if (instance.engine !== engine || !engine.journal.status.writable || engine.state.seq >= head) return;
        this.#world.violate('I8', `${process.name} takes ${engine.state.seq} for the end of the log; it was ${head}`);
      });
    });
  }

  #logged(instance: Instance, level: string, message: string): void {
    this.#world.note(`${instance.process.name}: ${level}: ${message}`);
  }

  /** No more faults; everyone wakes and is up; what is then asked must be answered in bounded time. */
  async #quieten(): Promise<void> {
    const world = this.#world;
    this.#faults.end();
    Object.assign(this.#weather, { down_until_ms: 0, refuses_writes_until_ms: 0, refuses_all_until_ms: 0 });
    const wake_ms = Math.max(world.now_ms, ...this.#instances.map(({ process }) => process.paused_until_ms));
    await this.#runFor(wake_ms - world.now_ms + 40_000);
    for (const instance of this.#instances) instance.start();
    await this.#runFor(30_000);
    await this.#readOn();
    for (const instance of this.#instances) {
      const { engine } = instance;
      if (!engine) world.violate('I13', `${instance.process.name} is not up after the faults`);
      else for (let i = 0; i < 2; i++) this.#mustAnswer(instance, engine);
    }
    await this.#runFor(20_000);
    for (const id of this.#unanswered) world.violate('I13', `${id} was not answered in 20 s without faults`);
    await this.#readOn();
  }

  /** Every instance reads on to the tail, and must be there then. */
  async #readOn(): Promise<void> {
    for (const { engine } of this.#instances) void engine?.journal.catchUp();
    await this.#runFor(5_000);
    for (const { process, engine } of this.#instances) if (engine) this.#answers.auditTail(process.name, engine);
  }

  #mustAnswer(instance: Instance, engine: Engine, command = this.#freshSubmission(), tries = 4): void {
    this.#log.send(command);
    const asking = this.#answers.asked(command, instance.process.name);
    this.#unanswered.add(command.id);
    engine.submit(command).then(
      (outcome) => {
        this.#unanswered.delete(command.id);
        this.#answers.acked(asking, outcome);
      },
      (error) => {
        // Whoever slept past the retention learns of it by this command.
        if (tries > 1 && error instanceof JournalError && error.kind === 'outcome_unknown') {
          this.#world.after(10, null, () => this.#mustAnswer(instance, engine, command, tries - 1));
        } else this.#world.violate('I13', `${command.id} was answered ${error} by ${asking.instance}, without faults`);
      },
    );
  }

  #freshSubmission(): Command {
    return this.#load.command('submit_jobs', this.#log.fold(this.#log.head));
  }

  async #runFor(duration_ms: number): Promise<void> {
    const world = this.#world;
    const end_ms = world.now_ms + duration_ms;
    let over = false;
    world.after(duration_ms, null, () => {
      over = true;
    });
    await world.run(() => over);
    if (!world.violation && world.now_ms < end_ms) world.violate('crash', 'the queue of events ran dry');
  }

  #auditEnd(): void {
    const world = this.#world;
    if (world.violation) return;
    this.#answers.auditDenials();
    const end = this.#log.fold(this.#log.head);
    const indexes = rebuiltIndexes(end);
    auditState(world, end, 'the log', indexes);
    for (const { process, engine } of this.#instances) {
      if (engine) auditState(world, engine.state, process.name, indexes);
    }
  }
}

function policyOf(chance: Chance): Policy {
  return {
    lease_ms: chance.pick([30_000, 60_000]),
    kill_deadline_ms: chance.pick([20_000, 60_000]),
    retry_base_ms: 5_000,
    retry_max_ms: 600_000,
    passes_max: chance.pick([1, 3, 50]),
    worker_degraded_ms: 30_000,
    worker_lost_ms: 90_000,
    worker_terminated_ms: chance.pick([10 * MINUTE_MS, 60 * MINUTE_MS]),
    worker_start_ms: 10 * MINUTE_MS,
    dlq_window_ms: chance.pick([20 * MINUTE_MS, 24 * 60 * MINUTE_MS]),
    commands_window_ms: 7 * 24 * 60 * MINUTE_MS,
    commands_max: chance.happens(0.2) ? 25 : 100_000,
  };
}

function optionsOf(chance: Chance, policy: Policy, sleepy: boolean): InstanceOptions {
  return {
    policy,
    soft_linger_ms: chance.pick([20, 1_000]),
    outcome_unknown_ms: 10_000,
    retention_ms: RETENTION_MS,
    snapshot_segments: chance.whole(2, sleepy ? 4 : 10),
    snapshot_bytes: 64 * 1024 * 1024,
    snapshot_ms: 60 * MINUTE_MS,
    tail_poll_ms: chance.pick([2_000, 10_000, 20_000]),
  };
}
