/** What a decision is: events, the first answer again, or a refusal; and what it may know beyond the state. */
import type { ErrorKind } from '../../../protocol/errors.ts';
import type { Event } from '../events.ts';
import type { CommandRef } from '../state/records.ts';
import type { Policy } from './commands.ts';

export type Refusal = {
  kind: ErrorKind;
  code: string;
  message: string;
  hint?: string;
  /** Added to the problem: `{state: 'COMPLETED'}`. */
  extra?: Record<string, unknown>;
};

/** `index`: its place among the command's parts. */
export type RefusedPart = { index: number; refusal: Refusal };

export type Decision =
  /** `refused`: parts of the command that have no effect, where it has many; the others stand. */
  | { events: readonly Event[]; refused?: readonly RefusedPart[]; refs?: undefined; refusal?: undefined }
  /** Done before: the first answer again. */
  | { refs: readonly CommandRef[]; events?: undefined; refusal?: undefined }
  | { refusal: Refusal; events?: undefined; refs?: undefined };

/** What decisions may know beyond the state: the log time the segment will have, and the settings. */
export type Context = { at_ms: number; policy: Policy };

export function refuse(
  kind: ErrorKind,
  code: string,
  message: string,
  more: { hint?: string; extra?: Record<string, unknown> } = {},
): { refusal: Refusal } {
  return { refusal: { kind, code, message, ...more } };
}
