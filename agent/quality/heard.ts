/**
 * What can be heard in a recording, cheaply and whatever an engine makes of it: how loud each half second is, and where a
 * detector finds a voice.
 */
export type Heard = {
  /** Length of the decoded audio. */
  duration_seconds: number;
  /** Level of each half second: the root mean square of its samples, in dB of full scale; SILENT_DB for none. */
  level_db: readonly number[];
  /** Start and end of each stretch with a voice, in seconds; null if no detector ran. */
  voice: readonly (readonly [start_seconds: number, end_seconds: number])[] | null;
};

export const LEVEL_SECONDS = 0.5;
export const SILENT_DB = -120;

/** The levels of the half seconds that the span touches. */
export function levelsWithin({ level_db }: Heard, start_seconds: number, end_seconds: number): readonly number[] {
  return level_db.slice(Math.max(0, Math.floor(start_seconds / LEVEL_SECONDS)), Math.ceil(end_seconds / LEVEL_SECONDS));
}

/** Seconds with a voice in the span. */
export function voiceWithin(voice: NonNullable<Heard['voice']>, start_seconds: number, end_seconds: number): number {
  let sum = 0;
  for (const [from, to] of voice) sum += Math.max(0, Math.min(to, end_seconds) - Math.max(from, start_seconds));
  return sum;
}

/** The level below which nothing is heard: far below the loud parts, but low-level recordings are heard too. */
export function silenceBelow({ level_db }: Heard): number {
  const sorted = [...level_db].sort((a, b) => a - b);
  const loud = sorted[Math.floor(sorted.length * 0.95)] ?? SILENT_DB;
  return Math.min(SILENCE_MAX_DB, Math.max(SILENCE_MIN_DB, loud - BELOW_LOUD_DB));
}

const BELOW_LOUD_DB = 35;
const SILENCE_MAX_DB = -60;
const SILENCE_MIN_DB = -75;
