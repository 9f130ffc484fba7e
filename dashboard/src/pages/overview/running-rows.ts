/** Which rows the list of running jobs shows. */

export type Shown = { ids: readonly string[]; total: number };

/** Rows that were there keep their place; of new ones, as many follow as there is room for. */
export function withKept(ids: readonly string[], kept: readonly string[], max: number): string[] {
  const here = new Set(kept);
  return [...kept, ...ids.filter((id) => !here.has(id))].slice(0, Math.max(max, kept.length));
}
