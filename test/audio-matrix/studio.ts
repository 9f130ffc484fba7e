/** Makes recordings with ffmpeg and sox from one clean one: three sentences of an example, by espeak-ng. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { audioPrograms } from '../setup/audio-programs.ts';
import { CLEAN_SECONDS } from './input.ts';

const MAKING_MS = 60_000;
const run = (program: string, args: readonly string[]) =>
  promisify(execFile)(program, args, { encoding: 'buffer', maxBuffer: OUTPUT_BYTES_MAX, timeout: MAKING_MS });
const EXAMPLE = fileURLToPath(new URL('../../examples/audio/house-viewing.wav', import.meta.url));
const BEGIN_SECONDS = 2.45;
const SAMPLES_PER_SECOND = 16_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Of these, the tools write their version or the time into the file. */
const STEADY = ['-nostdin', '-v', 'error', '-y', '-fflags', '+bitexact', '-flags', '+bitexact', '-map_metadata', '-1'];

export class Studio {
  readonly #directory: string;
  readonly #clean: string;
  readonly #made = new Map<string, Promise<Buffer<ArrayBuffer>>>();
  #count = 0;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#clean = join(directory, 'clean.wav');
  }

  static async open(directory: string): Promise<Studio> {
    await audioPrograms.run();
    const studio = new Studio(directory);
    await run('sox', ['-D', EXAMPLE, studio.#clean, 'trim', String(BEGIN_SECONDS), String(CLEAN_SECONDS)]);
    return studio;
  }

  /** The clean recording: 16 kHz mono 16-bit WAV, with a header of 44 bytes. */
  clean(): Promise<Buffer<ArrayBuffer>> {
    return readFile(this.#clean);
  }

  /**
   * By ffmpeg in the format of that end. The clean recording is its first input; `args` may name others, and `<clean>`
   * stands for its path.
   */
  encode(end: string, args: string): Promise<Buffer<ArrayBuffer>> {
    return this.#once(`ffmpeg ${end} ${args}`, async () => {
      const output = this.#path(end);
      await run('ffmpeg', ['-i', this.#clean, ...this.#words(args), ...STEADY, output]);
      return readFile(output);
    });
  }

  /** By ffmpeg into a pipe, so that no length can be written into the header. */
  pipe(args: string): Promise<Buffer<ArrayBuffer>> {
    return this.#once(`pipe ${args}`, async () => {
      const { stdout } = await run('ffmpeg', ['-i', this.#clean, ...this.#words(args), ...STEADY, 'pipe:1']);
      return Buffer.from(stdout);
    });
  }

  /** By sox, for the formats that ffmpeg only reads. */
  sox(end: string, args: string): Promise<Buffer<ArrayBuffer>> {
    return this.#once(`sox ${end} ${args}`, async () => {
      const output = this.#path(end);
      await run('sox', ['-D', this.#clean, ...this.#words(args), output]);
      return readFile(output);
    });
  }

  /** Another container around the same packets. */
  remux(end: string, bytes: Uint8Array, from: string): Promise<Buffer<ArrayBuffer>> {
    return this.#once(`remux ${end} ${from}`, async () => {
      const [input, output] = [this.#path(from), this.#path(end)];
      await writeFile(input, bytes);
      await run('ffmpeg', ['-i', input, '-c', 'copy', ...STEADY, output]);
      return readFile(output);
    });
  }

  /** What ffmpeg makes of a file, in seconds; null if it can't decode it. */
  async decodedSeconds(path: string): Promise<number | null> {
    const args = ['-nostdin', '-v', 'quiet', '-i', path, '-vn', '-ac', '1', '-ar', String(SAMPLES_PER_SECOND)];
    const decoded = await run('ffmpeg', [...args, '-f', 's16le', 'pipe:1']).catch(() => null);
    return decoded === null ? null : decoded.stdout.length / 2 / SAMPLES_PER_SECOND;
  }

  #words(args: string): string[] {
    return args.split(' ').flatMap((word) => (word === '' ? [] : [word.replace('<clean>', this.#clean)]));
  }

  #path(end: string): string {
    this.#count += 1;
    return join(this.#directory, `made-${this.#count}.${end}`);
  }

  #once(key: string, make: () => Promise<Buffer<ArrayBuffer>>): Promise<Buffer<ArrayBuffer>> {
    const made = this.#made.get(key) ?? make();
    this.#made.set(key, made);
    return made;
  }
}
