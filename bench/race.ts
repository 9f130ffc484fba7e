/**
 * The race: every contender does the same work in turn, round after round, so that other activity of the machine
 * affects all of them. Servers and clients stay warm during the whole race; a server is stopped (SIGSTOP) outside its
 * turn, so that its deferred work is not done in another's time.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Work, WorkDone } from './clients/client.ts';
import type { Contender } from './contenders.ts';
import { inFolder, type RunningServer } from './servers/server.ts';

export type RaceOptions = {
  /** The directory with the servers' data, in a folder each. */
  folder: string;
  /** Jobs per contender and round. */
  jobs: number;
  clients: number;
  batch: number;
  rounds: number;
};

export type Turn = {
  contender: string;
  round: number;
  lifecycles_per_second: number;
  /** CPU per lifecycle, ms. */
  client_cpu_ms: number;
  server_cpu_ms: number;
  /** The share of the machine's CPU that other processes used meanwhile, 0 to 1: how quiet it was. */
  others_cpu: number;
};

/** A contender that is running: its server, and its client process connected to it. */
export class Entrant {
  readonly contender: Contender;
  readonly #server: RunningServer;
  readonly #client: ChildProcess;

  static async start(contender: Contender, folder: string, clients: number): Promise<Entrant> {
    const server = await contender.start(folder);
    const file = fileURLToPath(new URL(`clients/${contender.client}`, import.meta.url));
    const client = fork(file, [server.url, String(clients), ...(contender.client_arguments ?? [])], {
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    const entrant = new Entrant(contender, server, client);
    await entrant.#message();
    server.pause();
    return entrant;
  }

  private constructor(contender: Contender, server: RunningServer, client: ChildProcess) {
    this.contender = contender;
    this.#server = server;
    this.#client = client;
  }

  /** Does the work, after a moment of it that is not counted. */
  async run(work: Work): Promise<{ done: WorkDone; server_cpu_ms: number; others_cpu: number }> {
    this.#server.resume();
    await this.#do({ ...work, jobs: Math.min(work.jobs, work.clients) });
    const server_s = this.#server.cpuSeconds();
    const machine_s = busySeconds();
    const began_ms = performance.now();
    const done = await this.#do(work);
    const machine_ms = (busySeconds() - machine_s) * 1000;
    const server_cpu_ms = (this.#server.cpuSeconds() - server_s) * 1000;
    const all_ms = (performance.now() - began_ms) * cpus().length;
    this.#server.pause();
    const others_cpu = Math.max(0, machine_ms - server_cpu_ms - done.cpu_ms) / all_ms;
    return { done, server_cpu_ms, others_cpu };
  }

  async stop(): Promise<void> {
    this.#server.resume();
    const ended = new Promise((resolve) => this.#client.once('exit', resolve));
    this.#client.send('end');
    const late = setTimeout(() => this.#client.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(late);
    await this.#server.stop();
  }

  #do(work: Work): Promise<WorkDone> {
    this.#client.send(work);
    return this.#message() as Promise<WorkDone>;
  }

  #message(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const gone = () => reject(new Error(`the clients of ${this.contender.name} have ended`));
      this.#client.once('exit', gone);
      this.#client.once('message', (message) => {
        this.#client.off('exit', gone);
        resolve(message);
      });
    });
  }
}

/** Starts all, lets `use` measure them, and ends all. */
export async function withEntrants<T>(
  contenders: readonly Contender[],
  { folder, clients }: Pick<RaceOptions, 'folder' | 'clients'>,
  use: (entrants: Entrant[]) => Promise<T>,
): Promise<T> {
  const start = async (left: readonly Contender[], entrants: Entrant[]): Promise<T> => {
    const [contender, ...rest] = left;
    if (!contender) return use(entrants);
    return inFolder(folder, async (own) => {
      const entrant = await Entrant.start(contender, own, clients);
      try {
        return await start(rest, [...entrants, entrant]);
      } finally {
        await entrant.stop();
      }
    });
  };
  return start(contenders, []);
}

export async function race(
  entrants: readonly Entrant[],
  { jobs, clients, batch, rounds }: RaceOptions,
  say: (line: string) => void,
): Promise<Turn[]> {
  const turns: Turn[] = [];
  for (let round = 0; round <= rounds; round++) {
    for (const entrant of inTurn(entrants, round)) {
      const { name, kind } = entrant.contender;
      const { done, server_cpu_ms, others_cpu } = await entrant.run({ kind, jobs, clients, batch });
      const turn = {
        contender: name,
        round,
        lifecycles_per_second: (jobs / done.elapsed_ms) * 1000,
        client_cpu_ms: done.cpu_ms / jobs,
        server_cpu_ms: server_cpu_ms / jobs,
        others_cpu,
      };
      // Round 0 is for the just-in-time compilers.
      if (round > 0) turns.push(turn);
      const what = round === 0 ? 'warming up' : `round ${round} of ${rounds}`;
      say(`${what}: ${name} ${Math.round(turn.lifecycles_per_second)} lifecycles/s`);
    }
  }
  return turns;
}

/**
 * The order of a round: each begins with another contender, and every second one is reversed. The contender that ran
 * just before has an effect of up to a tenth, so neither of two should always follow the other.
 */
export function inTurn<T>(all: readonly T[], round: number): T[] {
  const order = all.map((_, i) => all[(i + (round >> 1)) % all.length]!);
  return round % 2 === 0 ? order : order.reverse();
}

/** Seconds of CPU that all processes of the machine have used; 0 if the system does not report it. */
function busySeconds(): number {
  try {
    const [user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8')
      .split(/\s+/, 9)
      .slice(1)
      .map(Number);
    return (user! + nice! + system! + irq! + softirq!) / 100;
  } catch {
    return 0;
  }
}
