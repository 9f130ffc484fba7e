/** Times in the viewer's zone, with UTC on hover; ages that tick. */
import { useNow } from './clock.ts';
import { briefDuration } from './format.ts';
import { clockTime, inUtc } from './times.ts';

/** `18:41:06`, or `3 Nov 18:41` on another day. */
export function At({ at }: { at: string }) {
  return (
    <time dateTime={at} title={inUtc(at)}>
      {clockTime(at, useNow())}
    </time>
  );
}

type AgoProps = { at?: string; at_ms?: number; bare?: boolean };

/** `2 m ago`; with `bare`, `2 m`. */
export function Ago({ at, at_ms = Date.parse(at ?? ''), bare = false }: AgoProps) {
  const text = briefDuration((useNow() - at_ms) / 1000);
  const iso = at ?? new Date(at_ms).toISOString();
  return (
    <time dateTime={iso} title={inUtc(iso)}>
      {bare ? text : `${text} ago`}
    </time>
  );
}
