/**
 * Patterns of `like` as regular expressions. DuckDB's own LIKE tries every way to place each `%`: a pattern of 13
 * characters takes seconds on one text. Its regular expressions (RE2) take time in proportion to the text.
 */

export const PATTERN_WILDCARDS = 20;

/** `%` any text, `_` one character; `\%`, `\_` and `\\` those characters. */
export function patternAsRegex(pattern: string): string {
  return pattern.replace(/\\[%_\\]|%+|[\s\S]/gu, (piece) => {
    if (piece.startsWith('%')) return '.*';
    if (piece === '_') return '.';
    return escaped(piece.length > 1 && piece.startsWith('\\') ? piece.slice(1) : piece);
  });
}

/** How many places of the pattern match any text. */
export function wildcardsOf(pattern: string): number {
  return pattern.match(/\\[%_\\]|%+/g)?.filter((piece) => piece.startsWith('%')).length ?? 0;
}

const escaped = (character: string): string => character.replace(/[\\^$.|?*+()[\]{}]/, '\\$&');
