/** Text as it is spoken, for comparisons and for messages. */

/** Words in lower case, without punctuation; in scripts without spaces, characters. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(WORD) ?? [];
}

const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}])[\p{L}\p{M}\p{N}’'])+/gu;

export function quoted(text: string): string {
  const one = text.replace(/\s+/g, ' ').trim();
  return `“${one.length > QUOTED_MAX ? `${one.slice(0, QUOTED_MAX)}…` : one}”`;
}

const QUOTED_MAX = 60;

/** `1:02`, `1:00:03` */
export function place(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const part = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${part(minutes)}:${part(whole % 60)}` : `${minutes}:${part(whole % 60)}`;
}
