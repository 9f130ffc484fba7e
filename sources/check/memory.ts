/**
 * What a check keeps from one run to the next: progress of jobs, results of files, and the last messages sent. In
 * memory for `--every`; across runs in a small file, which may be deleted at any time and is then created again.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { hasEnded, NOTHING_KNOWN, type Sighting } from '../../protocol/sighting.ts';
import type { FileResult, Recall } from '../source.ts';
import type { Teller } from './clocks.ts';
import type { Track } from './track.ts';

const FORMAT = 1;

/** Without what is not known, since there may be as many as there are files. */
type Known = Partial<Sighting> & Pick<Sighting, 'job_id' | 'state' | 'told_ms'>;

function known(sighting: Sighting): Known {
  const { job_id, state, told_ms, ...rest } = sighting;
  const some: Record<string, unknown> = { job_id, state, told_ms };
  for (const [name, value] of Object.entries(rest)) if (value !== null) some[name] = value;
  return some as Known;
}

const whole = (sighting: Known): Sighting => ({ ...NOTHING_KNOWN, ...sighting });

/** `unreadable`: why this version could not be read; the sighting is then that of the last one that could. */
type Remembered = { version: string; sighting?: Known; unreadable?: { why: string; half_written?: boolean } };

/** Since when something has been so, by our clock, and in how many checks. */
export type Since = { since_ms: number; looks: number };

type File = {
  format: number;
  tracks: Record<string, Track>;
  recalls: Record<string, Record<string, Remembered>>;
  told: Record<string, string>;
  unread: string[];
  /** The rest is missing in files of earlier versions. */
  complete?: Record<string, number>;
  found?: string[];
  since?: Record<string, Since>;
  failures?: Record<string, number>;
  tellers?: Record<string, Teller>;
};

export class CheckMemory {
  /** Progress of running jobs, by id. */
  tracks = new Map<string, Track>();
  /** Workers with a job, by id. */
  tellers = new Map<string, Teller>();
  /** The last verdict sent, by notifier. */
  readonly told = new Map<string, string>();
  /** Sources that the previous check could not read. */
  unread = new Set<string>();
  /** Sources in which a report was found, in this check or an earlier one. */
  found = new Set<string>();
  /** When the failed jobs ended that were reported to a notifier. */
  readonly failures = new Map<string, number>();
  #since = new Map<string, Since>();
  #sinceNow = new Map<string, Since>();
  readonly #recalls = new Map<string, FileRecall>();

  /** Since when `what` has been so in every check. Once per check. */
  since(what: string, now_ms: number): Since {
    const known = this.#since.get(what);
    const since = { since_ms: known?.since_ms ?? now_ms, looks: (known?.looks ?? 0) + 1 };
    this.#sinceNow.set(what, since);
    return since;
  }

  /** What was not asked for again has ended, unless a source could not be read. */
  endRound({ complete }: { complete: boolean }): void {
    this.#since = new Map([...(complete ? [] : this.#since), ...this.#sinceNow]);
    this.#sinceNow = new Map();
  }

  /** Results of the files of one source. */
  recall(source: string): FileRecall {
    const recall = this.#recalls.get(source) ?? new FileRecall();
    this.#recalls.set(source, recall);
    return recall;
  }

  /** Empty if there is no file yet. `damaged` is called for a file that can't be read; it is then overwritten. */
  static async load(path: string, damaged: (why: string) => void = () => {}): Promise<CheckMemory> {
    const memory = new CheckMemory();
    try {
      const file = JSON.parse(await readFile(path, 'utf8')) as File;
      if (file.format !== FORMAT) throw new Error(`its format is ${file.format}, not ${FORMAT}`);
      memory.tracks = new Map(Object.entries(file.tracks));
      memory.unread = new Set(file.unread);
      for (const [name, answer] of Object.entries(file.told)) memory.told.set(name, answer);
      memory.found = new Set(file.found);
      for (const [subject, ended_ms] of Object.entries(file.failures ?? {})) memory.failures.set(subject, ended_ms);
      memory.tellers = new Map(Object.entries(file.tellers ?? {}));
      memory.#since = new Map(Object.entries(file.since ?? {}));
      for (const [name, files] of Object.entries(file.recalls)) {
        memory.#recalls.set(name, new FileRecall(Object.entries(files), file.complete?.[name]));
      }
      return memory;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return memory;
      damaged((error as Error).message);
      return new CheckMemory();
    }
  }

  /** Atomically, because another run may be reading it. */
  async save(path: string): Promise<void> {
    const file: File = {
      format: FORMAT,
      tracks: Object.fromEntries(this.tracks),
      recalls: Object.fromEntries([...this.#recalls].map(([name, recall]) => [name, Object.fromEntries(recall.files)])),
      told: Object.fromEntries(this.told),
      unread: [...this.unread],
      complete: Object.fromEntries([...this.#recalls].map(([name, { complete_ms }]) => [name, complete_ms])),
      found: [...this.found],
      since: Object.fromEntries(this.#since),
      tellers: Object.fromEntries(this.tellers),
      failures: Object.fromEntries(this.failures),
    };
    const beside = `${path}.${process.pid}`;
    await makeFolder(dirname(resolve(path)));
    try {
      await writeFile(beside, JSON.stringify(file), { mode: 0o600 });
      await rename(beside, path);
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  }
}

/** Node's own recursive mkdir never ends below /proc. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    const above = dirname(path);
    if (code !== 'ENOENT' || above === path || existsSync(above)) throw error;
    await makeFolder(above);
    // Another run may have made it meanwhile.
    await makeFolder(path);
  }
}

/**
 * Forgets files that a complete read did not request, because they are gone, and jobs that ended too long ago: what is
 * older than `complete_ms` and not here has ended.
 */
export class FileRecall implements Recall {
  readonly files: Map<string, Remembered>;
  complete_ms: number;
  #requested = new Set<string>();

  constructor(files: Iterable<[string, Remembered]> = [], complete_ms = 0) {
    this.files = new Map(files);
    this.complete_ms = complete_ms;
  }

  get(where: string, version: string): FileResult | undefined {
    this.#requested.add(where);
    const { version: last, unreadable, sighting } = this.files.get(where) ?? {};
    if (last !== version) return undefined;
    return unreadable ?? (sighting && whole(sighting));
  }

  set(where: string, version: string, result: FileResult): void {
    this.#requested.add(where);
    const sighting = 'why' in result ? this.files.get(where)?.sighting : known(result);
    this.files.set(where, {
      version,
      ...(sighting === undefined ? {} : { sighting }),
      ...('why' in result ? { unreadable: result } : {}),
    });
  }

  last(where: string): Sighting | undefined {
    const { sighting } = this.files.get(where) ?? {};
    return sighting && whole(sighting);
  }

  /** After a complete read. */
  forget(since_ms: number): void {
    for (const [where, { sighting, unreadable }] of this.files) {
      const old =
        unreadable === undefined && sighting !== undefined && hasEnded(sighting) && sighting.told_ms < since_ms;
      if (old || !this.#requested.has(where)) this.files.delete(where);
    }
    this.#requested = new Set();
    this.complete_ms = Math.max(this.complete_ms, since_ms);
  }
}

/** A separate file for every set of sources and notifiers: a run by hand must not affect a cron job. */
export function defaultStateFile(
  names: { sources: readonly string[]; notifiers: readonly string[] },
  environment: Record<string, string | undefined> = process.env,
): string {
  const states = environment.XDG_STATE_HOME || join(homedir(), '.local', 'state');
  const key = JSON.stringify([[...names.sources].sort(), [...names.notifiers].sort()]);
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 16);
  return join(states, 'transcription-monitor', `check-${hash}.json`);
}
