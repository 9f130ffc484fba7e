/** The workers of the demo: one may be killed, and another started in its place. */
import { type DemoWorker, startDemoWorker } from './demo-worker.ts';

export class DemoWorkers {
  /** Rejects if one exits by itself. */
  readonly died: Promise<never>;
  readonly #with: { server: string; engine: string };
  readonly #running = new Map<string, DemoWorker>();
  #started = 0;
  #reject: (error: unknown) => void = () => {};

  constructor(options: { server: string; engine: string }) {
    this.#with = options;
    this.died = new Promise((_, reject) => {
      this.#reject = reject;
    });
    // Without this, a rejection nobody awaits would be unhandled.
    this.died.catch(() => {});
  }

  start(): DemoWorker {
    this.#started += 1;
    const worker = startDemoWorker({ ...this.#with, id: `demo-worker-${this.#started}` });
    this.#running.set(worker.id, worker);
    worker.died.catch((error: unknown) => this.#reject(error));
    return worker;
  }

  /** Undefined: it does not run. */
  kill(id: string | undefined): DemoWorker | undefined {
    const worker = this.#running.get(id ?? '');
    worker?.kill();
    return worker;
  }

  /** Resolves when all have exited. */
  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((worker) => worker.stop()));
  }
}
