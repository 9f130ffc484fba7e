/** The reporters of both languages, which write the reports of a history at its times. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import type { ReporterClock } from '../../sdk/typescript/reporter/clock.ts';
import { Reporter } from '../../sdk/typescript/reporter/reporter.ts';
import type { Cleaning } from '../processes/tmon.ts';
import { pythonSdkEnvironment } from '../setup/python-sdk.ts';
import { eventOf, type Reported } from './fleet-history.ts';

export type Language = 'typescript' | 'python';

export interface Reporters {
  /** Resolves once the system has them. */
  report(url: string, reports: readonly Reported[]): Promise<void>;
  /** Of one history. */
  close(url: string): Promise<void>;
}

/** Time is that of the reports; batches are sent by flushing, and only real waiting takes time. */
class HistoryClock implements ReporterClock {
  now_ms = 0;

  now(): number {
    return this.now_ms;
  }

  monotonic(): number {
    return this.now_ms;
  }

  after(delay_ms: number, run: () => void): () => void {
    if (delay_ms < 1000) return () => {};
    const timer = setTimeout(run, delay_ms);
    timer.unref();
    return () => clearTimeout(timer);
  }
}

export class TypescriptReporters implements Reporters {
  readonly #reporters = new Map<string, Map<string, Reporter>>();
  readonly #clock = new HistoryClock();

  async report(url: string, reports: readonly Reported[]): Promise<void> {
    const reporters = this.#reporters.get(url) ?? new Map<string, Reporter>();
    this.#reporters.set(url, reporters);
    let last: Reporter | undefined;
    for (const told of reports) {
      const { worker_id } = told;
      const reporter =
        reporters.get(worker_id!) ??
        Reporter.fromUrl(url, { workerId: worker_id!, clock: this.#clock, spool: false, warn: console.log });
      reporters.set(worker_id!, reporter);
      // What happened in this order arrives in it.
      if (last !== undefined && last !== reporter) await delivered(last);
      last = reporter;
      this.#clock.now_ms = told.at_ms;
      this.#tell(reporter, told);
    }
    if (last !== undefined) await delivered(last);
  }

  #tell(reporter: Reporter, told: Reported): void {
    switch (eventOf(told)) {
      case 'JOB_START':
        return reporter.jobStart(told.job_id);
      case 'JOB_PROGRESS':
        return reporter.jobProgress(told.job_id, told.percentage!);
      case 'JOB_COMPLETE':
        return reporter.jobComplete(told.job_id);
      case 'JOB_FAILED':
        return reporter.jobFailed(told.job_id, told.error);
    }
  }

  async close(url: string): Promise<void> {
    await Promise.all([...(this.#reporters.get(url)?.values() ?? [])].map((one) => one.close()));
    this.#reporters.delete(url);
  }
}

async function delivered(reporter: Reporter): Promise<void> {
  if (!(await reporter.flush(120_000))) throw new Error(`${reporter.name}: not delivered`);
}

const PROGRAM = fileURLToPath(new URL('reporting.py', import.meta.url));
const SDK = fileURLToPath(new URL('../../sdk/python/src', import.meta.url));

/** In one process, since its start takes longer than a history. Ended with the test. */
export async function startPythonReporters(t: Cleaning, environment: Record<string, string> = {}): Promise<Reporters> {
  const { python } = await ensurePythonEnvironment(await pythonSdkEnvironment());
  const child = spawn(python, [PROGRAM], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...environment, PYTHONPATH: SDK, PYTHONDONTWRITEBYTECODE: '1' },
  });
  const ended = once(child, 'close');
  t.after(async () => {
    child.stdin.end();
    await ended;
  });
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  const ask = async (request: object): Promise<void> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await answers.next();
    if (done || value !== 'true') throw new Error(`the Python reporters: ${done ? 'they have ended' : value}`);
  };
  return {
    report: (url, reports) => ask({ url, reports: reports.map((told) => ({ ...told, event: eventOf(told) })) }),
    close: (url) => ask({ close: url }),
  };
}
