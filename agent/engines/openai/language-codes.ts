/** ISO 639 codes of the languages that Whisper knows, by the English names that OpenAI's API returns. */
const CODES =
  'af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh';

/** Where Whisper's name is not that of the CLDR. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  burmese: 'my',
  castilian: 'es',
  flemish: 'nl',
  haitian: 'ht',
  'haitian creole': 'ht',
  javanese: 'jw',
  letzeburgesch: 'lb',
  mandarin: 'zh',
  moldavian: 'ro',
  moldovan: 'ro',
  myanmar: 'my',
  nynorsk: 'nn',
  panjabi: 'pa',
  pushto: 'ps',
  sinhalese: 'si',
  tagalog: 'tl',
  valencian: 'ca',
};

let by_name: Map<string, string> | undefined;

/** `english` and `en` are `en`. Null for anything else. */
export function languageCode(text: string): string | null {
  const wanted = text.trim().toLowerCase();
  if (/^[a-z]{2,3}$/.test(wanted)) return wanted;
  if (by_name === undefined) {
    const names = new Intl.DisplayNames(['en'], { type: 'language' });
    by_name = new Map(CODES.split(' ').map((code) => [(names.of(code) ?? code).toLowerCase(), code]));
  }
  return by_name.get(wanted) ?? OTHER_NAMES[wanted] ?? null;
}
