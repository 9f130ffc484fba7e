/**
 * Keeps reports on disk from the call that makes them until they are delivered, so that a killed worker loses none: the
 * next process of the same worker and system sends them.
 *
 *     own        `keep` appends each start and end, before it is sent; emptied when nothing in it waits
 *     adopted    renamed to this process, hence by one process only; removed when nothing in it waits
 *     released   left for the next process, when this one ends
 *
 * An append is one write and no flush to disk: it survives the process, not the machine. A full or absent folder costs
 * the protection, never a report: reports are also in memory.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Report } from './report.ts';
import { SPOOL_BYTES_MAX, SpoolFile } from './spool-file.ts';
import { makeFolder } from './spool-folder.ts';
import { readSpoolName, spoolName } from './spool-format.ts';
import { isGone, nobody, thisProcess } from './spool-owner.ts';

/** After so long nobody will come for them: a worker that gets another name with each start. */
const FORGOTTEN_MS = 30 * 86_400_000;

export class Spool {
  readonly folder: string;
  readonly #key: string;
  readonly #onTrouble: (error: Error) => void;
  #own: SpoolFile | null = null;
  readonly #adopted = new Set<SpoolFile>();
  readonly #places = new Map<Report, { file: SpoolFile; number: number }>();

  /** `onTrouble`: called when a report can't be kept. */
  constructor(folder: string, key: string, onTrouble: (error: Error) => void) {
    this.folder = folder;
    this.#key = key;
    this.#onTrouble = onTrouble;
  }

  keep(report: Report): void {
    try {
      this.#own ??= this.#create();
      this.#places.set(report, { file: this.#own, number: this.#own.append(report) });
    } catch (error) {
      this.#onTrouble(error as Error);
    }
  }

  has(report: Report): boolean {
    return this.#places.has(report);
  }

  /** They are delivered, or dropped. */
  settle(reports: readonly Report[]): void {
    const files = new Set<SpoolFile>();
    for (const report of reports) {
      const place = this.#places.get(report);
      if (place === undefined) continue;
      this.#places.delete(report);
      place.file.waiting.delete(place.number);
      files.add(place.file);
    }
    for (const file of files) {
      if (!this.#adopted.has(file)) quietly(() => file.advance());
      else if (file.waiting.size > 0) quietly(() => file.advance());
      else {
        this.#adopted.delete(file);
        quietly(() => file.remove());
      }
    }
  }

  /** Takes what ended processes of this worker have left for this system, oldest file first. */
  adopt(): Report[] {
    const taken: Report[] = [];
    let bytes = 0;
    for (const { path } of this.#orphans()) {
      if (bytes > SPOOL_BYTES_MAX) break;
      try {
        const mine = join(this.folder, spoolName(this.#key, thisProcess, random()));
        renameSync(path, mine);
        const file = new SpoolFile(mine);
        for (const [number, report] of file.waiting) {
          this.#places.set(report, { file, number });
          taken.push(report);
          bytes += report.bytes;
        }
        if (file.waiting.size > 0) this.#adopted.add(file);
        else file.remove();
      } catch {
        // Another process was faster.
      }
    }
    return taken;
  }

  /** Shows other machines that this process lives, while reports wait. */
  touch(): void {
    for (const file of [this.#own, ...this.#adopted])
      if (file !== null && file.waiting.size > 0) quietly(() => file.touch());
  }

  /** Leaves what still waits to the next process. */
  release(): void {
    for (const file of [this.#own, ...this.#adopted]) {
      if (file === null) continue;
      if (file.waiting.size === 0) quietly(() => file.remove());
      else quietly(() => file.moveTo(join(this.folder, spoolName(this.#key, nobody, random()))));
    }
    this.#own = null;
    this.#adopted.clear();
  }

  #create(): SpoolFile {
    makeFolder(this.folder);
    return new SpoolFile(join(this.folder, spoolName(this.#key, thisProcess, random())));
  }

  #orphans(): { path: string; modified_ms: number }[] {
    const orphans: { path: string; modified_ms: number }[] = [];
    let names: string[] = [];
    quietly(() => (names = readdirSync(this.folder)));
    for (const name of names) {
      const spool = readSpoolName(name);
      if (spool === null) continue;
      const path = join(this.folder, name);
      quietly(() => {
        const modified_ms = statSync(path).mtimeMs;
        if (!isGone(spool.owner, modified_ms)) return;
        if (spool.key === this.#key) orphans.push({ path, modified_ms });
        else if (Date.now() - modified_ms > FORGOTTEN_MS) unlinkSync(path);
      });
    }
    return orphans.sort((a, b) => a.modified_ms - b.modified_ms);
  }
}

const random = (): string => randomBytes(4).toString('hex');

/** For what is no loss if it fails. */
function quietly(run: () => void): void {
  try {
    run();
  } catch {}
}
