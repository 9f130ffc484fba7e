/** The monitor of the stack, as its ServeCommand starts it; killed and started again on the same port and store. */
import { type Cleaning, type Program, startTmon } from '../processes/tmon.ts';
import type { Keep } from './run.ts';
import { within } from './waiting.ts';

export type MonitorOptions = {
  /** The output ServeCommand. */
  command: string;
  /** Options besides. */
  more: readonly string[];
  environment: Record<string, string>;
  keep: Keep;
};

export class KilledMonitor {
  readonly #t: Cleaning;
  readonly #options: MonitorOptions;
  /** Ends that nobody asked for. */
  readonly unasked: string[] = [];
  #running: Program | null = null;
  #starts = 0;

  constructor(t: Cleaning, options: MonitorOptions) {
    this.#t = t;
    this.#options = options;
  }

  /** Resolves when it serves. */
  async start(): Promise<void> {
    const { command, more, environment, keep } = this.#options;
    const [tmon, ...args] = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
    if (tmon !== 'tmon') throw new Error(`this is no command of tmon: ${command}`);
    const program = startTmon(this.#t, [...args, ...more, '--json'], { environment });
    this.#running = program;
    this.#starts += 1;
    keep(`monitor-${this.#starts}`, program);
    void program.ended.then(({ code, signal, stderr }) => {
      if (this.#running === program) this.unasked.push(`ended with ${code ?? signal}: ${stderr.slice(-2000)}`);
    });
    await within('the monitor serves', program.line(/^\{"url":/));
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** In order; returns the exit code. */
  stop(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const program = this.#running;
    if (!program) throw new Error('no monitor runs');
    this.#running = null;
    program.kill(signal);
    return (await within('the monitor ends', program.ended)).code;
  }
}
