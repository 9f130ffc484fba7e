/** Keys as typed, to what they mean: single keys, and `g` followed by the key of a page. */

export type KeyAction =
  | { type: 'go'; key: string }
  | { type: 'help' | 'palette' | 'search' | 'next' | 'previous' | 'open' | 'close' | 'select' };

type Typed = { key: string; ctrl: boolean; meta: boolean; alt: boolean; typing: boolean };

const SINGLE: Readonly<Record<string, KeyAction['type']>> = {
  '?': 'help',
  '/': 'search',
  j: 'next',
  k: 'previous',
  x: 'select',
  o: 'open',
};

/** `before`: the prefix typed last. Returns the action, and the prefix that the next key continues. */
export function keyAction(typed: Typed, before: 'g' | null): { action: KeyAction | null; prefix: 'g' | null } {
  const { key, ctrl, meta, alt, typing } = typed;
  if ((ctrl || meta) && !alt && key.toLowerCase() === 'k') return { action: { type: 'palette' }, prefix: null };
  if (ctrl || meta || alt || typing) return { action: null, prefix: null };
  if (before === 'g') return { action: { type: 'go', key }, prefix: null };
  if (key === 'g') return { action: null, prefix: 'g' };
  const type = Object.hasOwn(SINGLE, key) ? SINGLE[key]! : null;
  return { action: type && ({ type } as KeyAction), prefix: null };
}

/** The page listens for what it understands: `next`, `previous`, `open`, `select`. */
export const PAGE_KEY = 'tmon-key';
