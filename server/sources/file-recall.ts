/**
 * Sightings of files by version, so that unchanged files are not fetched again. Drops the least recently used first.
 */
import type { Sighting } from '../../protocol/sighting.ts';
import type { Recall } from '../../sources/source.ts';

const FILES_MAX = 50_000;

export class FileRecall implements Recall {
  readonly #files = new Map<string, { version: string; sighting: Sighting }>();

  get(where: string, version: string): Sighting | undefined {
    const file = this.#files.get(where);
    if (file?.version !== version) return undefined;
    this.#files.delete(where);
    this.#files.set(where, file);
    return file.sighting;
  }

  set(where: string, version: string, sighting: Sighting): void {
    this.#files.delete(where);
    this.#files.set(where, { version, sighting });
    if (this.#files.size > FILES_MAX) this.#files.delete(this.#files.keys().next().value!);
  }
}
