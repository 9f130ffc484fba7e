/** One status file per job in a folder, each replaced atomically: a reader never sees a partial file. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { STATUS_FILE_PREFIX, statusFileKey, writeStatusFile } from '../../../../protocol/status-file.ts';
import { forEachOf, lastOfEachJob, type Refusal, type Report, type Sink } from '../report.ts';
import { isNewer } from './newer-file.ts';

const FILES_AT_ONCE = 8;

export class DirectorySink implements Sink {
  readonly name: string;
  readonly linger_ms = 20;
  readonly #path: string;

  constructor(path: string) {
    this.name = `dir:${path}`;
    this.#path = path;
  }

  async send(batch: readonly Report[]): Promise<Refusal[]> {
    await mkdir(join(this.#path, STATUS_FILE_PREFIX), { recursive: true });
    await forEachOf(lastOfEachJob(batch), FILES_AT_ONCE, async (report) => {
      const { file, aside } = this.#filesOf(report);
      if (report.late && isNewer(await readFile(file, 'utf8').catch(() => null), report)) return;
      try {
        await writeFile(aside, writeStatusFile(report.sighting));
        await rename(aside, file);
      } catch (error) {
        await rm(aside, { force: true });
        throw error;
      }
    });
    return [];
  }

  sendNow(batch: readonly Report[]): Refusal[] {
    mkdirSync(join(this.#path, STATUS_FILE_PREFIX), { recursive: true });
    for (const report of lastOfEachJob(batch)) {
      const { file, aside } = this.#filesOf(report);
      if (report.late && isNewer(textOf(file), report)) continue;
      try {
        writeFileSync(aside, writeStatusFile(report.sighting));
        renameSync(aside, file);
      } catch (error) {
        rmSync(aside, { force: true });
        throw error;
      }
    }
    return [];
  }

  async close(): Promise<void> {}

  /** Readers ignore `aside`, because it does not end in .json. */
  #filesOf({ job_id }: Report): { file: string; aside: string } {
    const file = join(this.#path, statusFileKey(job_id));
    return { file, aside: `${file}.${randomBytes(6).toString('hex')}` };
  }
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
