/** A JSON body that is too large to be parsed in the event loop: the endpoint gets its bytes. */
import { isUtf8 } from 'node:buffer';
import { MonitorError } from '../../../protocol/errors.ts';

/** Larger inputs are worked on in a thread. Parsing this much takes about 3 ms. */
export const LARGE_BYTES = 256 * 1024;

const DEPTH_MAX = 32;

export class UnparsedBody {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** Throws MonitorError: `invalid_utf8`, `invalid_json`, `too_deep`. Undefined if there are no bytes. */
export function parseBody(bytes: Buffer): unknown {
  const text = textOf(bytes);
  if (text === '') return undefined;
  const value = parseJson(text);
  assertDepth(value);
  return value;
}

/** Throws MonitorError `invalid_utf8`. */
export function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) {
    throw new MonitorError('invalid', 'invalid_utf8', 'the body is not valid UTF-8', { hint: 'Send UTF-8.' });
  }
  return bytes.toString();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MonitorError('invalid', 'invalid_json', `the body is not JSON: ${(error as Error).message}`);
  }
}

/** Throws if a body is nested so deeply that recursive code could overflow the stack. */
export function assertDepth(value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth === DEPTH_MAX) throw new MonitorError('invalid', 'too_deep', `the body is nested deeper than ${DEPTH_MAX}`);
  // Parsed JSON has only own properties.
  for (const name in value) assertDepth((value as Record<string, unknown>)[name], depth + 1);
}
