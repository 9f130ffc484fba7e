/** Suffixes of numbers: durations become seconds, sizes become bytes. A suffix multiplies, whatever it is compared with. */

const DURATIONS = new Map([
  ['ms', 0.001],
  ['s', 1],
  ['m', 60],
  ['min', 60],
  ['h', 3_600],
  ['d', 86_400],
  ['w', 604_800],
]);

const SIZES = new Map([
  ['B', 1],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
]);

const SIZES_IN_ANY_CASE = new Map([...SIZES].map(([unit, bytes]) => [unit.toLowerCase(), bytes]));

export const UNITS: readonly string[] = [...DURATIONS.keys(), ...SIZES.keys()];

/** Durations are in lower case, sizes in any. Undefined if there is no such unit. */
export function unitFactor(unit: string): number | undefined {
  return DURATIONS.get(unit) ?? SIZES_IN_ANY_CASE.get(unit.toLowerCase());
}
