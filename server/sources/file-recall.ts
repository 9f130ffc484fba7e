/** What was made of files, so that one that has not changed is not fetched again. The least recently used go first. */
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
