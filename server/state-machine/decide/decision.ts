/** The result of a decision (events, the first outcome again, or a refusal), and its inputs beyond the state. */
import type { ErrorKind } from '../../../protocol/errors.ts';
import type { Event } from '../events.ts';
import type { CommandRef } from '../state/records.ts';
import type { Policy } from './policy.ts';

export type Refusal = {
  kind: ErrorKind;
  code: string;
  message: string;
  hint?: string;
  retry_after_seconds?: number;
  /** Additional fields of the problem: `{state: 'COMPLETED'}`. */
  extra?: Record<string, unknown>;
};

/** `index`: position among the command's parts. */
export type RefusedPart = { index: number; refusal: Refusal };

export type Decision =
  /** `refused`: parts of the command that have no effect. */
  | { events: readonly Event[]; refused?: readonly RefusedPart[]; refs?: undefined; refusal?: undefined }
  /** The command took effect before: its first outcome. */
  | { refs: readonly CommandRef[]; events?: undefined; refusal?: undefined }
  | { refusal: Refusal; events?: undefined; refs?: undefined };

/** Inputs beyond the state: the log time of the segment to be written, and the settings. */
export type Context = { at_ms: number; policy: Policy };

export function refuse(
  kind: ErrorKind,
  code: string,
  message: string,
  more: { hint?: string; extra?: Record<string, unknown> } = {},
): { refusal: Refusal } {
  return { refusal: { kind, code, message, ...more } };
}
