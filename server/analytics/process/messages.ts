/** What the monitor and its analytics process say to each other. Errors cross as what a MonitorError is made of. */
import { type ErrorKind, MonitorError } from '../../../protocol/errors.ts';
import type { S3Headers } from '../../objects/s3.ts';
import type { QueryResult } from '../analytics.ts';
import type { MadeColumns } from '../columns/making.ts';
import type { Query } from '../query.ts';

export type ProcessOptions = {
  store_url: string;
  s3?: S3Headers;
  retention_ms: number;
  cache: string;
  working: string;
  threads: number;
  memory_mb: number;
};

export type Request = { id: number } & ({ type: 'query'; query: Query } | { type: 'make_columns'; now_ms: number });

export type Response = { id: number } & (
  | { type: 'result'; result: QueryResult | MadeColumns | null }
  | { type: 'failed'; error: Failure }
);

export type Failure = {
  kind: ErrorKind;
  code: string;
  message: string;
  hint: string | undefined;
  extra: Record<string, unknown> | undefined;
};

export function failureOf(error: unknown): Failure {
  if (error instanceof MonitorError) {
    const { kind, code, message, hint, extra } = error;
    return { kind, code, message, hint, extra };
  }
  const { kind, message, hint } = error as { kind?: string; message: string; hint?: string };
  // Errors of the store and of the journal: what they are about is in the message.
  const known = kind === 'corrupt' ? 'corrupt' : kind === undefined ? 'internal' : 'unavailable';
  return { kind: known, code: 'analytics_failed', message, hint, extra: undefined };
}

export function errorOf({ kind, code, message, ...options }: Failure): MonitorError {
  return new MonitorError(kind, code, message, options);
}
