/** One status file per job in a folder, each replaced atomically: a reader never sees a partial file. */
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { STATUS_FILE_PREFIX, statusFileKey, writeStatusFile } from '../../../../protocol/status-file.ts';
import { forEachOf, lastOfEachJob, type Refusal, type Report, type Sink } from '../report.ts';

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
    await forEachOf(lastOfEachJob(batch), FILES_AT_ONCE, async ({ job_id, sighting }) => {
      const file = join(this.#path, statusFileKey(job_id));
      // Readers ignore it, because it does not end in .json.
      const aside = `${file}.${randomBytes(6).toString('hex')}`;
      try {
        await writeFile(aside, writeStatusFile(sighting));
        await rename(aside, file);
      } catch (error) {
        await rm(aside, { force: true });
        throw error;
      }
    });
    return [];
  }

  async close(): Promise<void> {}
}
