/** The request header `Range`: one range of bytes. Several ranges, or another unit, are ignored, as RFC 9110 allows. */

export type RequestedRange = { first: number; last: number } | 'unsatisfiable' | undefined;

export function parseRange(header: string | undefined, size_bytes: number): RequestedRange {
  const [, from, to] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/.exec(header ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  if (from === '') {
    const length = Math.min(Number(to), size_bytes);
    return length === 0 ? 'unsatisfiable' : { first: size_bytes - length, last: size_bytes - 1 };
  }
  if (to !== '' && Number(to) < Number(from)) return undefined;
  if (Number(from) >= size_bytes) return 'unsatisfiable';
  return { first: Number(from), last: to === '' ? size_bytes - 1 : Math.min(Number(to), size_bytes - 1) };
}
