/** An input of the matrix: a recording as it comes, how it is made from one clean one, and what must become of it. */
import type { Studio } from './studio.ts';

export type Input = {
  /** The name under which it is uploaded. */
  name: string;
  /** How it is made, for the table: arguments of ffmpeg or sox, or what was done to the bytes. */
  made: string;
  make: (studio: Studio) => Promise<Buffer<ArrayBuffer>>;
  expected: Expected;
};

export type Expected = Transcribed | Refused;

export type Transcribed = {
  state: 'COMPLETED';
  /** The true length. Default: what ffmpeg decodes. */
  seconds?: number;
  /** Share of the words of the clean recording's transcript that must be found, in order. */
  words: number;
  /** Codes of warnings that must be among the transcript's. */
  warnings?: readonly string[];
};

export type Refused = {
  state: 'FAILED';
  /** Any of these, at the first attempt. */
  codes: readonly string[];
};

/** The length of the clean recording. */
export const CLEAN_SECONDS = 7.6;

/** Most codecs leave every word; synthesised speech at a low rate loses some. */
export const MOST = 0.8;
export const MANY = 0.5;

export const transcribed = (more: Partial<Transcribed> = {}): Transcribed => ({
  state: 'COMPLETED',
  words: MOST,
  ...more,
});
export const refused = (...codes: string[]): Refused => ({ state: 'FAILED', codes });

/** Made by ffmpeg from the clean recording: `NAME.END: ARGUMENTS`. */
export function encoded(name: string, args: string, expected: Expected = transcribed()): Input {
  return { name, made: `ffmpeg ${args}`.trim(), make: (studio) => studio.encode(endOf(name), args), expected };
}

/** One made by ffmpeg, with its bytes changed afterwards. */
export function changed(
  name: string,
  { from, args = '', what }: { from: string; args?: string; what: string },
  change: (bytes: Buffer<ArrayBuffer>) => Uint8Array,
  expected: Expected = transcribed(),
): Input {
  const made = `${[from, args].filter((part) => part !== '').join(' ')}; ${what}`;
  return { name, made, make: async (studio) => Buffer.from(change(await studio.encode(from, args))), expected };
}

/** Bytes that no program made. */
export function bytes(name: string, made: string, content: Uint8Array | string, expected: Expected): Input {
  return { name, made, make: async () => Buffer.from(content as string), expected };
}

export const endOf = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
