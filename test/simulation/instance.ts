/**
 * A monitor as the simulation runs it: the real engine in a process that can crash, sleep, stop and start again, with
 * its own clock, which may be wrong.
 */
import type { Clock } from '../../server/clock.ts';
import { Engine } from '../../server/engine.ts';
import { JournalError } from '../../server/journal/errors.ts';
import type { JournalOptions } from '../../server/journal/journal.ts';
import { type ObjectStore, StoreError } from '../../server/objects/store.ts';
import type { Policy } from '../../server/state-machine/decide/policy.ts';
import type { Chance } from './chance.ts';
import type { Process, World } from './world.ts';

export type InstanceOptions = Omit<
  JournalOptions,
  'store' | 'clock' | 'random' | 'instance' | 'url' | 'newId' | 'log'
> & { policy: Policy };

export interface InstanceObserver {
  opened(instance: Instance, engine: Engine): void;
  crashed(instance: Instance): void;
  /** Before its engine stops. */
  stopping(instance: Instance): Promise<void>;
  logged(instance: Instance, level: string, message: string): void;
}

export class Instance {
  readonly name: string;
  readonly #world: World;
  readonly #chance: Chance;
  readonly #connect: (process: Process) => JournalOptions['store'];
  readonly #options: InstanceOptions;
  readonly #observer: InstanceObserver;
  #generation = 0;
  #clock: SimClock | null = null;
  process: Process;
  /** Null while it is down, or still opening. */
  engine: Engine | null = null;
  /** The store and the clock as seen by its process. */
  store: ObjectStore | null = null;
  clock: Clock | null = null;

  constructor(options: {
    name: string;
    world: World;
    chance: Chance;
    connect: (process: Process) => JournalOptions['store'];
    options: InstanceOptions;
    observer: InstanceObserver;
  }) {
    this.name = options.name;
    this.#world = options.world;
    this.#chance = options.chance;
    this.#connect = options.connect;
    this.#options = options.options;
    this.#observer = options.observer;
    this.process = { name: `${this.name}.0`, alive: false, paused_until_ms: 0 };
  }

  /** No other instance writes to its store. */
  get sole(): boolean {
    return this.#options.tail_poll_ms === null;
  }

  get asleep(): boolean {
    return this.process.paused_until_ms > this.#world.now_ms;
  }

  start(): void {
    if (this.process.alive) return;
    this.#generation += 1;
    const process: Process = { name: `${this.name}.${this.#generation}`, alive: true, paused_until_ms: 0 };
    this.process = process;
    const clock = new SimClock(this.#world, process);
    this.#clock = clock;
    this.clock = clock;
    const store = this.#connect(process);
    this.store = store;
    this.#world.note(`${process.name}: starts`);
    let id = 0;
    const opening = Engine.open({
      ...this.#options,
      store,
      clock,
      random: this.#chance,
      instance: this.name,
      url: `http://${this.name}`,
      newId: () => `${process.name}-${++id}`,
      log: (level, message) => this.#observer.logged(this, level, message),
    });
    opening.then(
      (engine) => {
        if (!process.alive) return;
        this.engine = engine;
        this.#world.note(`${process.name}: open at ${engine.state.seq}`);
        this.#observer.opened(this, engine);
      },
      (error: unknown) => {
        if (!process.alive) return;
        process.alive = false;
        this.#world.note(`${process.name}: did not open: ${error}`);
        if (error instanceof StoreError || (error instanceof JournalError && error.kind !== 'corrupt')) {
          this.startLater();
        } else this.#world.violate('I13', `${process.name} can't open: ${error}`);
      },
    );
  }

  startLater(): void {
    this.#world.after(this.#chance.between(50, 30_000), null, () => this.start());
  }

  /** Its memory is lost; requests that it sent may still arrive. */
  crash(): void {
    if (!this.process.alive) return;
    this.#world.note(`${this.process.name}: crashes`);
    this.process.alive = false;
    this.engine?.abandon();
    this.engine = null;
    this.#observer.crashed(this);
  }

  async stop(): Promise<void> {
    const { engine, process } = this;
    if (!engine) return;
    this.#world.note(`${process.name}: gets the signal to stop`);
    this.engine = null;
    await this.#observer.stopping(this);
    await engine.stop();
    this.#world.note(`${process.name}: has stopped`);
    process.alive = false;
  }

  sleep(length_ms: number): void {
    const { now_ms } = this.#world;
    this.#world.note(`${this.process.name}: sleeps for ${Math.round(length_ms / 1000)} s`);
    const asleep_until_ms = Math.max(now_ms, this.process.paused_until_ms);
    const wakes_ms = Math.max(asleep_until_ms, now_ms + length_ms);
    this.process.paused_until_ms = wakes_ms;
    // A suspended machine's monotonic clock stands still; that of a stopped process continues. Counts only the
    // time that this sleep adds to a current one: a clock that counted both would go back.
    if (this.#chance.happens(0.5)) this.#clock?.standStill({ length_ms: wakes_ms - asleep_until_ms, wakes_ms });
  }

  setClock(wrong_by_ms: number): void {
    this.#world.note(`${this.process.name}: its clock is wrong by ${Math.round(wrong_by_ms)} ms`);
    if (this.#clock) this.#clock.wrong_by_ms = wrong_by_ms;
  }
}

class SimClock implements Clock {
  readonly #world: World;
  readonly #process: Process;
  readonly #booted_ms: number;
  #stood_still_ms = 0;
  wrong_by_ms = 0;

  constructor(world: World, process: Process) {
    this.#world = world;
    this.#process = process;
    this.#booted_ms = world.now_ms;
  }

  now(): number {
    return Math.floor(this.#world.now_ms + this.wrong_by_ms);
  }

  monotonic(): number {
    return this.#world.now_ms - this.#booted_ms - this.#stood_still_ms;
  }

  boottime(): number {
    return this.#world.now_ms - this.#booted_ms;
  }

  after(delay_ms: number, run: () => void): () => void {
    // As setTimeout: no timer is shorter than a millisecond.
    return this.#world.after(delay_ms > 0 ? Math.max(1, delay_ms) : 0, this.#process, run);
  }

  standStill({ length_ms, wakes_ms }: { length_ms: number; wakes_ms: number }): void {
    // It is not read before the process wakes; going back would break monotonicity.
    this.#world.after(Math.max(0, wakes_ms - 1 - this.#world.now_ms), null, () => {
      this.#stood_still_ms += length_ms;
    });
  }
}
