/**
 * The file of alert rules: read at the start, which fails if it is invalid, and again when it changes or on SIGHUP. If it
 * is invalid then, the earlier rules stay, the log has every problem, and the alert `config_invalid` is raised.
 */
import { readFile, stat } from 'node:fs/promises';
import { MonitorError } from '../../protocol/errors.ts';
import { defaultRules, readAlertRules } from '../alerts/rules/defaults.ts';
import type { AlertRules } from '../alerts/rules/rules.ts';
import type { Clock } from '../clock.ts';
import { type FileProblem, formatProblem } from '../yaml-file.ts';
import { Duty } from './duty.ts';

/** Interval between looks at whether the file has changed. */
const LOOK_MS = 2_000;

export type AlertRulesOptions = {
  /** Path of the file; empty: the default rules alone. */
  path: string;
  clock: Clock;
  log: (level: 'info' | 'warn', message: string) => void;
};

export class AlertRulesFileReader {
  readonly #options: AlertRulesOptions;
  #rules = defaultRules();
  #stamp = '';
  #problem: string | null = null;
  #apply: (rules: AlertRules) => void = () => {};

  /** Throws MonitorError('invalid') with every problem of the file. */
  static async open(options: AlertRulesOptions): Promise<AlertRulesFileReader> {
    const reader = new AlertRulesFileReader(options);
    if (options.path === '') return reader;
    const read = await reader.#read();
    if ('problems' in read) throw invalidRules(options.path, read.problems);
    reader.#rules = read.rules;
    return reader;
  }

  private constructor(options: AlertRulesOptions) {
    this.#options = options;
  }

  get rules(): AlertRules {
    return this.#rules;
  }

  /** Why the file could not be reloaded; null if it could; undefined without a file. */
  get problem(): string | null | undefined {
    return this.#options.path === '' ? undefined : this.#problem;
  }

  /** Calls `apply` with the rules whenever they have changed. */
  onChange(apply: (rules: AlertRules) => void): void {
    this.#apply = apply;
  }

  /** Reads the file again if it has changed; with `always`, in any case. */
  async reload({ always = false } = {}): Promise<void> {
    const { path, log } = this.#options;
    if (path === '') return;
    if (!always && (await stampOf(path)) === this.#stamp) return;
    const read = await this.#read();
    if ('problems' in read) {
      this.#problem = problemsText(path, read.problems);
      log('warn', `the earlier alert rules stay: ${this.#problem}`);
      return;
    }
    this.#rules = read.rules;
    this.#problem = null;
    log('info', `read ${read.rules.rules.length} alert rules with those of ${path}`);
    this.#apply(read.rules);
  }

  duty(): Duty {
    const { clock, log } = this.#options;
    return new Duty({
      name: 'alert rules',
      clock,
      failure_ms: LOOK_MS,
      log,
      run: async () => {
        await this.reload();
        return { again_ms: LOOK_MS };
      },
    });
  }

  async #read(): Promise<{ rules: AlertRules } | { problems: FileProblem[] }> {
    const { path } = this.#options;
    // Before the text: a change in between is read next time.
    this.#stamp = await stampOf(path);
    try {
      const read = readAlertRules(await readFile(path, 'utf8'));
      return read.problems ? { problems: read.problems } : { rules: read.rules };
    } catch (error) {
      return { problems: [{ line: 1, column: 1, message: `it cannot be read: ${(error as Error).message}` }] };
    }
  }
}

async function stampOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  return found === null ? 'missing' : `${found.mtimeMs} ${found.size} ${found.ino}`;
}

const problemsText = (path: string, problems: readonly FileProblem[]): string =>
  problems.map((problem) => formatProblem(path, problem)).join('; ');

function invalidRules(path: string, problems: readonly FileProblem[]): MonitorError {
  return new MonitorError('invalid', 'bad_alert_rules', problemsText(path, problems), {
    hint: `\`tmon alerts check ${path}\` checks the file; docs/alerts.md describes it.`,
  });
}
