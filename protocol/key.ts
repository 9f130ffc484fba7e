/**
 * The text of an API key, `tmk_<id>_<secret><checksum>`, of a pass that is made from one, `tmt_…`, and of a link, `tml_…`. The prefix and the checksum let scanners recognise a key that
 * was published by mistake, and let a monitor refuse a mistyped one before it looks anything up.
 *
 *     id         11 characters: 64 random bits, in base62
 *     secret     27 characters: 160 random bits, in base62
 *     checksum    6 characters: the CRC-32 of everything before it, in base62
 */
import { crc32 } from 'node:zlib';

export type KeyParts = { id: string; secret: string };

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID = { bytes: 8, characters: 11 };
const SECRET = { bytes: 20, characters: 27 };
const CHECKSUM_CHARACTERS = 6;

export const KEY_ID_PATTERN = `^[0-9A-Za-z]{${ID.characters}}$`;
const TOKEN = new RegExp(
  `^(tmk|tmt|tml)_([0-9A-Za-z]{${ID.characters}})_([0-9A-Za-z]{${SECRET.characters}})([0-9A-Za-z]{${CHECKSUM_CHARACTERS}})$`,
);

/** Anything that may be a key or pass, or the beginning of one; for removing them from text. */
export const KEY_LIKE = /tm[ktl]_[0-9A-Za-z_]+/g;

type Prefix = 'tmk' | 'tmt' | 'tml';

/** Random bytes come from outside. */
export type RandomBytes = (count: number) => Uint8Array;

export const newKeyId = (random: RandomBytes): string => base62(random(ID.bytes), ID.characters);

export const newKeySecret = (random: RandomBytes): string => base62(random(SECRET.bytes), SECRET.characters);

export const formatKey = (parts: KeyParts): string => format('tmk', parts);

export const formatPass = (parts: KeyParts): string => format('tmt', parts);

export const formatLink = (parts: KeyParts): string => format('tml', parts);

/** Returns null if the text is not a key, or if its checksum is wrong. */
export const parseKey = (text: string): KeyParts | null => parse('tmk', text);

export const parsePass = (text: string): KeyParts | null => parse('tmt', text);

export const parseLink = (text: string): KeyParts | null => parse('tml', text);

function format(prefix: Prefix, { id, secret }: KeyParts): string {
  const text = `${prefix}_${id}_${secret}`;
  return `${text}${checksumOf(text)}`;
}

function parse(wanted: Prefix, text: string): KeyParts | null {
  const [, prefix, id, secret, checksum] = TOKEN.exec(text) ?? [];
  if (prefix !== wanted || id === undefined || secret === undefined) return null;
  return checksumOf(`${prefix}_${id}_${secret}`) === checksum ? { id, secret } : null;
}

function checksumOf(text: string): string {
  let rest = crc32(text);
  let digits = '';
  while (digits.length < CHECKSUM_CHARACTERS) {
    digits = DIGITS[rest % 62]! + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}

function base62(bytes: Uint8Array, characters: number): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  while (text.length < characters) {
    text = DIGITS[Number(rest % 62n)]! + text;
    rest /= 62n;
  }
  return text;
}
