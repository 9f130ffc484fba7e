/** Times in the viewer's zone, with UTC on hover; ages that tick. */
import { createElement, Fragment } from 'react';
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

const TIME = /(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z)/;

/** A sentence of the monitor, with its times in the viewer's zone. */
export function Sentence({ text }: { text: string }) {
  const parts = text.split(TIME);
  // Every second part is a time.
  return createElement(
    Fragment,
    null,
    ...parts.map((part, index) => (index % 2 === 0 ? part : createElement(At, { at: part }))),
  );
}
