/** Clients: they send commands, repeat them when the outcome is unknown, read, and remember the results. */
import type { Engine } from '../../server/engine.ts';
import { JournalError } from '../../server/journal/errors.ts';
import { isRemembered } from '../../server/state-machine/apply/apply.ts';
import { type Command, type Outcome, soft } from '../../server/state-machine/decide/commands.ts';
import type { Chance } from './chance.ts';
import type { Faults } from './faults.ts';
import type { House } from './house.ts';
import type { Instance } from './instance.ts';
import { Load } from './load.ts';
import type { LogAudit } from './log-audit.ts';
import type { ResultAudit } from './result-audit.ts';
import type { World } from './world.ts';

export class Clients {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #faults: Faults;
  readonly #log: LogAudit;
  readonly #results: ResultAudit;
  readonly #instances: readonly Instance[];
  readonly #load: Load;
  readonly #sent: Command[] = [];
  readonly #unfinished = new Set<string>();

  constructor(options: {
    world: World;
    chance: Chance;
    faults: Faults;
    log: LogAudit;
    results: ResultAudit;
    instances: readonly Instance[];
    archived: boolean;
  }) {
    this.#world = options.world;
    this.#chance = options.chance;
    this.#faults = options.faults;
    this.#log = options.log;
    this.#results = options.results;
    this.#instances = options.instances;
    const { chance, archived, log } = options;
    this.#load = new Load(chance, { archived, archive: log.forgotten });
  }

  ask(): void {
    this.#ask(this.#load.next(this.#log.end));
  }

  /** Sends a command that was sent before, with or without a result. */
  askAgain(): void {
    if (this.#sent.length > 0) this.#ask(this.#chance.pick(this.#sent));
  }

  /** Sends a different command under the name of an earlier one. */
  askMistakenly(): void {
    if (this.#sent.length > 0) this.#ask(this.#load.mistaken(this.#chance.pick(this.#sent), this.#log.end));
  }

  /** A client with an unknown outcome sends the same again, possibly to another instance. */
  #ask(command: Command, tries = 3): void {
    const chance = this.#chance;
    this.#log.send(command);
    if (isRemembered(command.id)) this.#sent.push(command);
    const again = () => {
      if (tries <= 1 || !isRemembered(command.id) || !chance.happens(0.8)) return;
      this.#world.after(chance.between(10, 20_000), null, () => this.#ask(command, tries - 1));
    };
    const instance = chance.pick(this.#instances);
    const { process } = instance;
    if (!process.alive) return again();
    this.#world.after(chance.between(1, 30), process, () => {
      const { engine } = instance;
      if (!engine || instance.process !== process) return again();
      if (soft(command.body)) return this.#log.send(engine.submitSoft(command));
      // Repeated this late it would be another submission, and the monitor would generate other ids.
      if (command.body.type === 'submit_jobs' && this.#log.wasForgotten(command.id)) return;
      const sending = this.#results.sent(command, process.name);
      engine.submit(command).then(
        (outcome) => {
          if (!process.alive) return;
          this.#results.acked(sending, outcome);
          if (this.#faults.strikes('reply_lost', 0.1)) return again();
          this.#load.acknowledged(command, outcome);
        },
        (error: unknown) => {
          if (!process.alive) return;
          this.#results.failed(sending, error);
          if (!(error instanceof Error && error.name === 'Refused')) again();
        },
      );
    });
  }

  /** A worker waits in the line of an instance, and may leave before its turn. */
  waitForJob(houseOf: (instance: Instance) => House | undefined): void {
    const chance = this.#chance;
    const instance = chance.pick(this.#instances);
    const house = houseOf(instance);
    const { process } = instance;
    const command = this.#load.command('claim_jobs', this.#log.end);
    if (!house || !process.alive || command.body.type !== 'claim_jobs') return;
    const gone = new AbortController();
    if (chance.happens(0.2)) this.#world.after(chance.between(1, 20_000), process, () => gone.abort());
    void house.claims
      .next({
        worker_id: command.body.worker_id,
        wait_ms: chance.pick([0, 2_000, 20_000]),
        signal: gone.signal,
        claim: () => this.#claim(process.name, house.engine, command),
      })
      .then(
        (refs) => this.#load.acknowledged(command, { seq: 0, refs, replayed: false }),
        () => {},
      );
  }

  async #claim(name: string, engine: Engine, command: Command): Promise<Outcome> {
    this.#log.send(command);
    const sending = this.#results.sent(command, name);
    try {
      const outcome = await engine.submit(command);
      this.#results.acked(sending, outcome);
      return outcome;
    } catch (error) {
      this.#results.failed(sending, error);
      throw error;
    }
  }

  /** Without faults: a waiting worker is handed the next job. */
  mustBeHandedOut(name: string, { engine, claims }: House): void {
    const worker_id = `waiting-${name.replace('.', '-')}`;
    const register = this.#load.command('register_worker', this.#log.end);
    const registered = Promise.withResolvers<void>();
    const body = { ...register.body, worker_id } as Command['body'];
    this.mustSucceed(name, engine, { ...register, body }, { done: registered.resolve });
    const claim = this.#load.command('claim_jobs', this.#log.end);
    const command = { ...claim, body: { ...claim.body, worker_id, max_jobs: 1 } as Command['body'] };
    void registered.promise.then(() => {
      this.#unfinished.add(`${command.id} of ${worker_id}`);
      const { signal } = new AbortController();
      const tried = () => this.#claim(name, engine, command);
      void claims.next({ worker_id, wait_ms: 15_000, signal, claim: tried }).then((refs) => {
        if (refs.length > 0) this.#unfinished.delete(`${command.id} of ${worker_id}`);
      });
      this.#world.after(1_000, null, () => this.mustSucceed(name, engine));
    });
  }

  /** Without faults, but under continuous writes: reading on to the tail still ends. */
  mustCatchUp(name: string, engine: Engine): void {
    const world = this.#world;
    const end_ms = world.now_ms + 1_500;
    const write = () => {
      if (world.now_ms >= end_ms) return;
      this.mustSucceed(name, engine);
      world.after(20, null, write);
    };
    write();
    world.after(200, null, () => {
      const reading = `reading on at ${name}`;
      this.#unfinished.add(reading);
      world.after(1_000, null, () => {
        if (this.#unfinished.has(reading)) world.violate('I13', `${reading} does not end under steady writes`);
      });
      void engine.journal.catchUp().then(() => this.#unfinished.delete(reading));
    });
  }

  /** A reader must see everything that existed at its request; its machine may have been asleep. */
  read(): void {
    const instance = this.#chance.pick(this.#instances);
    const { process } = instance;
    this.#world.after(this.#chance.between(1, 30), process, () => {
      const { engine } = instance;
      if (!engine || instance.process !== process) return;
      const { head } = this.#log;
      void engine.journal.catchUp().then(() => {
        if (instance.engine !== engine || !engine.journal.status.writable || engine.state.seq >= head) return;
        // Alone on its store it does not wait: only its own put is ahead, which is not acknowledged yet.
        if (instance.sole) return;
        this.#world.violate('I8', `${process.name} takes ${engine.state.seq} for the end of the log; it was ${head}`);
      });
    });
  }

  /** Without faults: requests must now succeed. */
  mustSucceed(
    name: string,
    engine: Engine,
    command = this.#submission(),
    { tries = 4, done = () => {} }: { tries?: number; done?: () => void } = {},
  ): void {
    this.#log.send(command);
    const sending = this.#results.sent(command, name);
    this.#unfinished.add(command.id);
    engine.submit(command).then(
      (outcome) => {
        this.#unfinished.delete(command.id);
        this.#results.acked(sending, outcome);
        done();
      },
      (error) => {
        // An instance that slept past the retention learns of it by this command.
        if (tries > 1 && error instanceof JournalError && error.kind === 'outcome_unknown') {
          this.#world.after(10, null, () => this.mustSucceed(name, engine, command, { tries: tries - 1, done }));
        } else this.#world.violate('I13', `${command.id} got ${error} from ${name}, without faults`);
      },
    );
  }

  auditFinished(): void {
    for (const id of this.#unfinished) this.#world.violate('I13', `${id} did not end in time, without faults`);
  }

  #submission(): Command {
    return this.#load.command('submit_jobs', this.#log.end);
  }
}
