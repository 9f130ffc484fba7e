/** A language as its code: OpenAI's verbose_json names it, `english`. */
export function readLanguage(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const text = value.trim().toLowerCase();
  if (text === '' || text === 'auto' || text === 'unknown') return null;
  return text.length <= 3 ? text : (codesByName().get(text) ?? text.slice(0, 40));
}

let known: Map<string, string> | undefined;

/** From the names of Unicode, for every code of two letters. */
function codesByName(): Map<string, string> {
  if (known !== undefined) return known;
  known = new Map();
  const names = new Intl.DisplayNames(['en'], { type: 'language', fallback: 'none' });
  const letters = [...'abcdefghijklmnopqrstuvwxyz'];
  for (const first of letters) {
    for (const second of letters) {
      const name = names.of(first + second)?.toLowerCase();
      if (name !== undefined && !known.has(name)) known.set(name, first + second);
    }
  }
  return known;
}
