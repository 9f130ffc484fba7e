/** Positions in the journal, from which a reader resumes: after event `index` of segment `seq`. */
import type { FeedPosition } from '../../protocol/feed.ts';

export const isAfter = (a: FeedPosition, b: FeedPosition): boolean =>
  a.seq > b.seq || (a.seq === b.seq && a.index > b.index);

/** After everything up to segment `seq`. */
export const endOf = (seq: number): FeedPosition => ({ seq: seq + 1, index: -1 });

/** As SSE carries it: `42.3`. */
export const formatPosition = ({ seq, index }: FeedPosition): string => `${seq}.${index}`;

export function parsePosition(text: string): FeedPosition | null {
  const match = /^(\d{1,15})\.(-1|\d{1,9})$/.exec(text.trim());
  return match ? { seq: Number(match[1]), index: Number(match[2]) } : null;
}
