/** Recordings to drop into the bucket: the examples' speech, put together differently in each, in several formats. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Cleaning, temporaryDirectory } from '../processes/tmon.ts';

export type Recording = {
  /** Within the audio prefix of the bucket; spaces, signs and accents included. */
  name: string;
  bytes: Buffer;
  /** What is said. */
  words: string;
};

const EXAMPLES = fileURLToPath(new URL('../../examples/audio/', import.meta.url));
const SPEECHES = ['broken-computer', 'house-viewing', 'lost-keys'] as const;
const PROGRAM = fileURLToPath(new URL('make_recordings.py', import.meta.url));
/** The speeches of each, in order. After them come further ones in other formats. */
const ORDERS = [[0], [1], [2], [0, 1], [1, 2], [2, 0], [0, 1, 2], [2, 1, 0], [1, 0], [2, 1], [0, 2], [1, 0, 2]];
const FORMATS = ['mp3', 'wav', 'flac', 'ogg', 'm4a', 'webm'];
const NAMES = ['call', 'Monday, 9 o’clock', 'urgent/first+second', 'été 100%', 'a=b&c', '2026/11/27/#1'];

/** `python`: one that has PyAV. */
export async function makeRecordings(t: Cleaning, { python, count }: { python: string; count: number }) {
  const directory = temporaryDirectory(t);
  const planned = Array.from({ length: count }, (_, index) => {
    const order = ORDERS[index % ORDERS.length]!;
    const format = FORMATS[(index + Math.floor(index / ORDERS.length)) % FORMATS.length]!;
    const name = `${NAMES[index % NAMES.length]}-${index + 1}.${format}`;
    return { name, order, path: join(directory, `${index}.${format}`) };
  });
  const orders = planned.map(({ path, order }) => ({
    path,
    parts: order.map((n) => join(EXAMPLES, `${SPEECHES[n]}.wav`)),
  }));
  await promisify(execFile)(python, [PROGRAM, JSON.stringify(orders)]);
  const texts = await Promise.all(SPEECHES.map((name) => readFile(join(EXAMPLES, `${name}.txt`), 'utf8')));
  return Promise.all(
    planned.map(async ({ name, order, path }): Promise<Recording> => {
      return { name, bytes: await readFile(path), words: order.map((n) => texts[n]).join('\n') };
    }),
  );
}
