/** libfaketime: sets the wall clock of one process that a test starts, while it runs. */
import { globSync, writeFileSync } from 'node:fs';

/** undefined if it is not installed: Debian's package `libfaketime`. */
export function findFaketime(): string | undefined {
  return globSync('/usr/lib/{*/,}faketime/libfaketime.so.1')[0];
}

export class Faketime {
  readonly #file: string;
  readonly environment: Record<string, string>;

  /** `file`: holds the offset, which the process reads. */
  constructor(library: string, file: string) {
    this.#file = file;
    this.set('+0');
    this.environment = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      // Setting a machine's clock changes neither how time passes nor the times of its files.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }

  /** Relative to the machine's clock: `+10y`, `-1h`, `+0`. */
  set(offset: string): void {
    writeFileSync(this.#file, `${offset}\n`);
  }
}
