/**
 * Results of files by version, so that unchanged files are not fetched again. Drops the least recently used first.
 */
import type { Sighting } from '../../protocol/sighting.ts';
import type { FileResult, Recall } from '../../sources/source.ts';

const FILES_MAX = 50_000;

export class FileRecall implements Recall {
  readonly #files = new Map<string, { version: string; result: FileResult; last: Sighting | undefined }>();
  readonly #onReadable: (where: string) => void;

  /** Called for each file that was fetched and could be read. */
  constructor(onReadable: (where: string) => void = () => {}) {
    this.#onReadable = onReadable;
  }

  get(where: string, version: string): FileResult | undefined {
    const file = this.#files.get(where);
    if (file?.version !== version) return undefined;
    this.#files.delete(where);
    this.#files.set(where, file);
    return file.result;
  }

  set(where: string, version: string, result: FileResult): void {
    const readable = !('why' in result);
    const last = readable ? result : this.#files.get(where)?.last;
    this.#files.delete(where);
    this.#files.set(where, { version, result, last });
    if (readable) this.#onReadable(where);
    if (this.#files.size > FILES_MAX) this.#files.delete(this.#files.keys().next().value!);
  }

  last(where: string): Sighting | undefined {
    return this.#files.get(where)?.last;
  }
}
