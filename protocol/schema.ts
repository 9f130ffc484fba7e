/** The building blocks of every schema. */
import { type TSchema, type TUnsafe, Type } from 'typebox';
import { COUNT_MAX, SECONDS_MAX, USD_MAX } from './limits.ts';

/** A value or JSON null. */
export function Nullable<T extends TSchema>(schema: T) {
  const { description } = schema as { description?: string };
  return Type.Union([schema, Type.Null()], description ? { description } : {});
}

/** One of a fixed set of words. */
export function Words<const T extends readonly string[]>(words: T, description: string): TUnsafe<T[number]> {
  return Type.Unsafe<T[number]>({ type: 'string', enum: [...words], description });
}

/** RFC 3339 in UTC. */
export const Time = (description: string) =>
  Type.String({ format: 'date-time', description: `${description} RFC 3339, UTC.` });

/** A number of seconds that someone says: of one recording or attempt. */
export const Seconds = (description: string) =>
  Type.Number({ minimum: 0, maximum: SECONDS_MAX, description: `${description} Seconds.` });

/** A number of seconds that the monitor works out or adds up. */
export const TotalSeconds = (description: string) =>
  Type.Number({ minimum: 0, description: `${description} Seconds.` });

/** A price in US dollars that someone says. */
export const Usd = (description: string) =>
  Type.Number({ minimum: 0, maximum: USD_MAX, description: `${description} US dollars.` });

/** US dollars that the monitor works out or adds up. */
export const TotalUsd = (description: string) => Type.Number({ minimum: 0, description: `${description} US dollars.` });

/** 0 to 100. */
export const Percent = (description: string) =>
  Type.Number({ minimum: 0, maximum: 100, description: `${description} Percent, 0 to 100.` });

export const Count = (description: string) => Type.Integer({ minimum: 0, maximum: COUNT_MAX, description });

/** The same, of at least one. */
export const Ordinal = (description: string) => Type.Integer({ minimum: 1, maximum: COUNT_MAX, description });

/** Requests are closed: a body with an unknown field is refused. Responses are open, because they may gain fields. */
export const closed = { additionalProperties: false } as const;

/** On every document: the last journal segment that changed it. */
export const AsOfSeq = Type.Integer({
  minimum: 0,
  description: 'Sequence number of the last journal segment that changed what this document shows.',
});
