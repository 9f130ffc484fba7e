/** The kinds of damage to an object. */
import type { Chance } from '../simulation/chance.ts';
import type { Objects } from './finished-store.ts';

/** `bytes`: the object's content; null if it does not exist. */
export type Damage = { key: string; how: How; bytes: Uint8Array | null };

export const HOWS = ['deleted', 'bit', 'cut', 'zeroed', 'swapped', 'emptied', 'digit'] as const;
export type How = (typeof HOWS)[number];

/** `others`: keys of objects of its kind. */
export function damage(
  key: string,
  { objects, others, chance, how }: { objects: Objects; others: readonly string[]; chance: Chance; how: How },
): Damage {
  if (how === 'swapped' && others.length === 1) return { key, how: 'deleted', bytes: null };
  const bytes = damaged(
    objects.get(key)!,
    how,
    chance,
    others.filter((other) => other !== key).map((other) => objects.get(other)!),
  );
  if (bytes && Buffer.from(bytes).equals(objects.get(key)!)) return { key, how: 'deleted', bytes: null };
  return { key, how, bytes };
}

function damaged(was: Uint8Array, how: How, chance: Chance, others: readonly Uint8Array[]): Uint8Array | null {
  const bytes = Uint8Array.from(was);
  const at = (length: number) => chance.whole(0, length - 1);
  switch (how) {
    case 'deleted':
      return null;
    case 'bit': {
      const place = at(bytes.length);
      bytes[place] = bytes[place]! ^ (1 << chance.whole(0, 7));
      return bytes;
    }
    case 'cut':
      return bytes.subarray(0, at(bytes.length));
    case 'zeroed':
      return bytes.fill(0, at(bytes.length));
    case 'swapped':
      return others.length === 0 ? null : Uint8Array.from(chance.pick(others));
    case 'emptied':
      return Buffer.from('{}');
    case 'digit':
      return withDigitChanged(bytes, chance);
  }
}

/** Changes a number in JSON or in one of its strings; the object stays JSON. */
function withDigitChanged(bytes: Uint8Array, chance: Chance): Uint8Array {
  const places = [...bytes.keys()].filter((place) => bytes[place]! >= 0x31 && bytes[place]! <= 0x39);
  if (places.length === 0) return bytes;
  const place = chance.pick(places);
  const digit = bytes[place]! - 0x30;
  bytes[place] = 0x30 + ((digit + chance.whole(0, 7)) % 9) + 1;
  return bytes;
}
