/** New ids (ULIDs, which sort by time) and the secret part of lease tokens. */
import { randomFillSync } from 'node:crypto';
import { monotonicFactory } from 'ulidx';
import type { IdKind } from '../protocol/ids.ts';

/** Random bytes are drawn 4 kB at a time: drawing them one by one took 60 % of the engine's time. */
const pool = new Uint8Array(4096);
let drawn = pool.length;

function draw(count: number): Uint8Array {
  if (drawn + count > pool.length) {
    randomFillSync(pool);
    drawn = 0;
  }
  drawn += count;
  return pool.subarray(drawn - count, drawn);
}

function randomFraction(): number {
  if (drawn === pool.length) {
    randomFillSync(pool);
    drawn = 0;
  }
  return pool[drawn++]! / 256;
}

/** A ULID that sorts after all earlier ones, even within a millisecond. */
export const newUlid: () => string = monotonicFactory(randomFraction);

/** `job-01J…`, `worker-01J…`. */
export const newId = (kind: IdKind): string => `${kind}-${newUlid()}`;

/** 128 random bits. */
export const newSecret = (): string => Buffer.from(draw(16)).toString('base64url');
