/**
 * One history: a few monitors over one store, some hundred steps of load and accidents, then quiet, in which everything
 * must come right. All from one seed.
 */
import { AnswerAudit } from './answer-audit.ts';
import { Chance } from './chance.ts';
import { Clients } from './clients.ts';
import { auditState, rebuiltIndexes } from './domain-audit.ts';
import { type Fault, Faults } from './faults.ts';
import { Instance } from './instance.ts';
import { LogAudit } from './log-audit.ts';
import { type Deed, drawPlan, drawWait, type Plan } from './plan.ts';
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

export async function runHistory(seed: number): Promise<HistoryResult> {
  const history = new History(seed);
  await history.run();
  return history.result();
}

class History {
  readonly #seed: number;
  readonly #world = new World();
  readonly #chance: Chance;
  readonly #plan: Plan;
  readonly #faults: Faults;
  readonly #store: SimStore;
  readonly #log: LogAudit;
  readonly #storeAudit: StoreAudit;
  readonly #answers: AnswerAudit;
  readonly #instances: Instance[];
  readonly #clients: Clients;
  readonly #weather: Weather = { down_until_ms: 0, refuses_writes_until_ms: 0, refuses_all_until_ms: 0 };
  #steps_left: number;

  constructor(seed: number) {
    this.#seed = seed;
    this.#chance = new Chance(seed);
    this.#plan = drawPlan(this.#chance);
    const { options, steps, instances } = this.#plan;
    const { retention_ms, policy } = options;
    const world = this.#world;
    const chance = this.#chance;
    this.#steps_left = steps;
    const faults = new Faults(chance, this.#plan);
    this.#faults = faults;
    this.#store = new SimStore(world, this.#plan.grain_ms);
    const log = new LogAudit(world, policy);
    this.#log = log;
    this.#storeAudit = new StoreAudit({ world, store: this.#store, log, retention_ms });
    this.#store.observer = this.#storeAudit;
    const answers = new AnswerAudit(world, log, policy);
    this.#answers = answers;
    this.#instances = Array.from({ length: instances }, (_, i) => this.#instance('abc'[i]!));
    this.#clients = new Clients({ world, chance, faults, log, answers, instances: this.#instances });
  }

  #instance(name: string): Instance {
    const world = this.#world;
    const instance: Instance = new Instance({
      name,
      world,
      chance: this.#chance,
      options: this.#plan.options,
      connect: (process) =>
        new StorePort({
          world,
          process,
          store: this.#store,
          faults: this.#faults,
          weather: this.#weather,
          plan: this.#plan,
          sleep: (length_ms) => this.#sleep(instance, length_ms),
        }),
      observer: {
        opened: ({ process }, engine) => this.#answers.watch(process.name, engine),
        logged: ({ process }, level, message) => world.note(`${process.name}: ${level}: ${message}`),
      },
    });
    return instance;
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
    this.#do(this.#chance.weighted(this.#plan.deeds));
    this.#world.after(drawWait(this.#chance), null, () => this.#step());
  }

  #do(deed: Deed): void {
    const chance = this.#chance;
    const weather = this.#weather;
    const instance = chance.pick(this.#instances);
    const until = (from_ms: number, to_ms: number) => this.#world.now_ms + chance.between(from_ms, to_ms);
    switch (deed) {
      case 'ask':
        return this.#clients.ask();
      case 'ask_again':
        return this.#clients.askAgain();
      case 'ask_mistakenly':
        return this.#clients.askMistakenly();
      case 'read':
        return this.#clients.read();
      case 'stop':
        void instance.stop().then(() => instance.startLater());
        return;
      case 'snapshot':
      case 'truncate':
        if (!instance.asleep) void instance.engine?.journal[deed]().catch(() => {});
        return;
    }
    if (!this.#faults.strikes(deed, 1)) return;
    switch (deed) {
      case 'crash':
        instance.crash();
        return instance.startLater();
      case 'pause':
        this.#sleep(instance, this.#faults.pauseLength());
        return;
      case 'clock_jump':
        return instance.setClock(chance.between(-1, 1) * chance.pick([3_000, 86_400_000]));
      case 'outage':
        weather.down_until_ms = until(2_000, 90_000);
        return;
      case 'writes_refused':
        weather.refuses_writes_until_ms = until(1_000, 60_000);
        return;
      case 'all_refused':
        weather.refuses_all_until_ms = until(1_000, 30_000);
        return;
      case 'object_damaged':
        this.#storeAudit.damageNewest();
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
    for (const { process, engine } of this.#instances) {
      if (!engine) world.violate('I13', `${process.name} is not up after the faults`);
      else for (let i = 0; i < 2; i++) this.#clients.mustBeAnswered(process.name, engine);
    }
    await this.#runFor(20_000);
    this.#clients.auditAnswered();
    await this.#readOn();
  }

  /** Every instance reads on to the tail, and must be there then. */
  async #readOn(): Promise<void> {
    for (const { engine } of this.#instances) void engine?.journal.catchUp();
    await this.#runFor(5_000);
    for (const { process, engine } of this.#instances) if (engine) this.#answers.auditTail(process.name, engine);
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
    const indexes = rebuiltIndexes(this.#log.end);
    auditState(world, this.#log.end, 'the log', indexes);
    for (const { process, engine } of this.#instances) {
      if (engine) auditState(world, engine.state, process.name, indexes);
    }
  }
}
