/**
 * Results of files by version, so that unchanged files are not fetched again. Drops the least recently used first.
 */
import type { FileResult, Recall } from '../../sources/source.ts';

const FILES_MAX = 50_000;

export class FileRecall implements Recall {
  readonly #files = new Map<string, { version: string; result: FileResult }>();

  get(where: string, version: string): FileResult | undefined {
    const file = this.#files.get(where);
    if (file?.version !== version) return undefined;
    this.#files.delete(where);
    this.#files.set(where, file);
    return file.result;
  }

  set(where: string, version: string, result: FileResult): void {
    this.#files.delete(where);
    this.#files.set(where, { version, result });
    if (this.#files.size > FILES_MAX) this.#files.delete(this.#files.keys().next().value!);
  }
}
