/**
 * One history: a few monitors over one store, some hundred steps of load and accidents, then quiet, in which everything
 * must recover. All from one seed.
 */
import assert from 'node:assert/strict';
import { MINUTE_MS } from '../../protocol/time.ts';
import { forStore, readSettings, type StoreSettings } from '../../server/config.ts';
import type { Engine } from '../../server/engine.ts';
import { UNREMEMBERED } from '../../server/state-machine/apply/apply.ts';
import { Chance } from './chance.ts';
import { Clients } from './clients.ts';
import { auditState, rebuiltIndexes } from './domain-audit.ts';
import { type Fault, Faults } from './faults.ts';
import { FeedAudit } from './feed-audit.ts';
import { FollowedLog } from './followed-log.ts';
import { House } from './house.ts';
import { auditArchive, auditFollowed, auditViews } from './house-audit.ts';
import { Instance, type InstanceOptions } from './instance.ts';
import { LogAudit } from './log-audit.ts';
import { auditLoss } from './loss-audit.ts';
import { type Deed, drawPlan, drawWait, type Plan } from './plan.ts';
import { ResultAudit } from './result-audit.ts';
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
  results: number;
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
  readonly #results: ResultAudit;
  readonly #instances: Instance[];
  readonly #clients: Clients;
  readonly #weather: Weather = { down_until_ms: 0, refuses_writes_until_ms: 0, refuses_all_until_ms: 0 };
  readonly #houses = new Map<Instance, House>();
  readonly #followed: FollowedLog;
  readonly #feed: FeedAudit;
  #ids = 0;
  #steps_left: number;

  constructor(seed: number) {
    this.#seed = seed;
    this.#chance = new Chance(seed);
    this.#plan = drawPlan(this.#chance);
    const { options, steps, instances } = this.#plan;
    const { retention_ms } = options[0]!;
    const policyOf = (name: string) => options['abc'.indexOf(name)]!.policy;
    const world = this.#world;
    const chance = this.#chance;
    this.#steps_left = steps;
    const faults = new Faults(chance, this.#plan);
    this.#faults = faults;
    this.#store = new SimStore(world, this.#plan.grain_ms);
    const log = new LogAudit(world, policyOf);
    this.#log = log;
    this.#storeAudit = new StoreAudit({ world, store: this.#store, log, retention_ms });
    this.#store.observer = this.#storeAudit;
    const results = new ResultAudit(world, log, policyOf);
    this.#results = results;
    this.#instances = options.map((own, i) => this.#instance('abc'[i]!, own));
    const archived = this.#plan.house;
    this.#clients = new Clients({ world, chance, faults, log, results, instances: this.#instances, archived });
    this.#followed = new FollowedLog(chance, faults);
    this.#feed = new FeedAudit(world, log);
    assert.equal(instances, options.length);
  }

  #instance(name: string, options: InstanceOptions): Instance {
    const world = this.#world;
    const instance: Instance = new Instance({
      name,
      world,
      chance: this.#chance,
      options,
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
        opened: (one, engine) => {
          this.#results.watch(one.process.name, engine);
          if (this.#plan.house) this.#furnish(one, engine);
        },
        crashed: (one) => this.#houses.get(one)?.crash(),
        stopping: async (one) => this.#houses.get(one)?.end(),
        logged: ({ process }, level, message) => world.note(`${process.name}: ${level}: ${message}`),
      },
    });
    return instance;
  }

  #furnish(instance: Instance, engine: Engine): void {
    const world = this.#world;
    const { process, store, clock } = instance;
    const house = new House({
      engine,
      store: store!,
      clock: clock!,
      settings: HOUSE_SETTINGS,
      // One of several instances follows the log, as each follows the sources of its settings.
      followed: instance.name === 'a' ? this.#followed : null,
      send: (command) => this.#log.send(command),
      newId: () => `${UNREMEMBERED}${process.name}-${++this.#ids}`,
      log: (level, message) => world.note(`${process.name}: ${level}: ${message}`),
    });
    this.#houses.set(instance, house);
    house.start().catch((error) => {
      // Like a monitor that cannot read its store at a start: its supervisor restarts it.
      world.note(`${process.name}: its house did not open: ${error}`);
      if (!process.alive || this.#houses.get(instance) !== house) return;
      instance.crash();
      instance.startLater();
    });
  }

  #houseOf(instance: Instance): House | undefined {
    return instance.engine ? this.#houses.get(instance) : undefined;
  }

  async run(): Promise<void> {
    const rejected = (error: unknown) =>
      this.#world.violate('crash', `a promise was rejected without a handler: ${error}`);
    process.on('unhandledRejection', rejected);
    try {
      for (const instance of this.#instances) instance.start();
      this.#world.after(1_000, null, () => this.#step());
      await this.#world.run(() => this.#steps_left <= 0);
      await this.#quieten();
      await this.#auditEnd();
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
      results: this.#results.results,
      acknowledged: this.#results.acknowledged,
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
      case 'wait_for_job':
        return this.#clients.waitForJob((one) => this.#houseOf(one));
      case 'log_line':
        return this.#followed.grow(Math.floor(this.#world.now_ms));
      case 'reader_moves':
        return this.#moveReader(instance);
      case 'stop':
        // A suspended process gets the signal when it continues.
        if (!instance.asleep) void instance.stop().then(() => instance.startLater());
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

  /** The feed's reader connects to this instance, having lost its connection. */
  #moveReader(instance: Instance): void {
    const house = this.#houseOf(instance);
    if (house) this.#feed.connect(instance.process, house.feed, () => house.engine.journal.catchUp());
  }

  /** A machine sleeps, and sometimes others with it, as if in one rack. Of several, one stays awake. */
  #sleep(instance: Instance, length_ms: number): boolean {
    const awake = this.#instances.filter((other) => other !== instance && other.engine && !other.asleep);
    if (this.#instances.length > 1 && awake.length === 0) return false;
    instance.sleep(length_ms);
    if (this.#chance.happens(0.4)) {
      for (const other of awake.slice(1)) other.sleep(length_ms * this.#chance.between(0.9, 1.1));
    }
    return true;
  }

  /** No more faults; all wake up and run; every request must then succeed in bounded time. */
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
      else for (let i = 0; i < 2; i++) this.#clients.mustSucceed(process.name, engine);
    }
    await this.#runFor(5_000);
    // At one instance only: two under continuous writes starve each other until one forwards to the other.
    const busy = this.#chance.pick(this.#instances);
    if (busy.engine) this.#clients.mustCatchUp(busy.process.name, busy.engine);
    await this.#runFor(10_000);
    if (this.#plan.house) await this.#quietenHouses();
    await this.#runFor(10_000);
    this.#clients.auditFinished();
    await this.#readOn();
    if (this.#plan.house) await this.#closeHouses();
  }

  async #quietenHouses(): Promise<void> {
    for (const instance of this.#instances) {
      const house = this.#houseOf(instance);
      if (house) this.#clients.mustBeHandedOut(instance.process.name, house);
    }
    if (!this.#feed.connected) this.#moveReader(this.#instances[0]!);
    // The followed log is read every 30 s, and up to a minute later after failures.
    await this.#runFor(120_000);
  }

  /** One after the other, like a rolling restart: the last one writes what the others left. */
  async #closeHouses(): Promise<void> {
    for (const instance of this.#instances) {
      const house = this.#houseOf(instance);
      let written = false;
      void house
        ?.stop()
        .then(() => house.publisher.flush())
        .then(
          () => {
            written = true;
          },
          (error) => this.#world.violate('I12', `${instance.process.name} cannot write its views: ${error}`),
        );
      await this.#runFor(60_000);
      await this.#readOn();
      if (house && !written) this.#world.violate('I12', `${instance.process.name} is still writing its views`);
    }
  }

  /** Every instance reads on to the tail, and must then have reached it. */
  async #readOn(): Promise<void> {
    const { head } = this.#log;
    for (const { engine } of this.#instances) void engine?.journal.catchUp();
    await this.#runFor(5_000);
    for (const { process, engine } of this.#instances) if (engine) this.#results.auditTail(process.name, engine, head);
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

  async #auditEnd(): Promise<void> {
    const world = this.#world;
    if (world.violation) return;
    this.#results.auditDenials();
    const indexes = rebuiltIndexes(this.#log.end);
    auditState(world, this.#log.end, 'the log', indexes);
    for (const { process, engine } of this.#instances) {
      if (engine) auditState(world, engine.state, process.name, indexes);
    }
    if (this.#plan.house) await this.#auditHouses();
    // A snapshot that was damaged on the way may be the only one that leads on.
    if (this.#storeAudit.damaged.size > 0 || this.#world.violation) return;
    await this.#stopAll();
    await auditLoss({ world, chance: this.#chance, store: this.#store, log: this.#log });
  }

  async #stopAll(): Promise<void> {
    for (const instance of this.#instances) void instance.stop();
    await this.#runFor(30_000);
  }

  async #auditHouses(): Promise<void> {
    const parts = { world: this.#world, store: this.#store, log: this.#log };
    await auditArchive(parts);
    await auditFollowed(parts, this.#followed);
    this.#feed.auditEnd();
    // A put of a view that lands hours late replaces newer content; only a rebuild undoes that.
    const late = LATE.some((fault) => this.#faults.enabled.has(fault));
    if (!late) await auditViews(parts);
  }
}

const LATE: readonly Fault[] = ['landed_later', 'sent_twice', 'paused_before_sending', 'response_lost'];

const HOUSE_SETTINGS: StoreSettings = forStore(
  readSettings(
    {
      finished_window_ms: 10 * MINUTE_MS,
      finished_max: 5,
      job_views_days: 0,
      view_puts_per_second: 100_000,
      log_level: 'silent',
    },
    {},
  ),
  { shared: false },
);
