/** The `traceparent` of W3C Trace Context: which trace something belongs to, and the span above it. */
export type TraceContext = {
  /** 32 digits of lower-case hex. */
  trace_id: string;
  /** 16 digits of lower-case hex. */
  span_id: string;
  /** Whether the trace is recorded. */
  sampled: boolean;
};

/** Of version 00. */
export const TRACEPARENT = '^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$';

/** Null if it is not valid: a trace then begins anew, as the standard asks. Later versions are read as far as they are known. */
export function parseTraceparent(text: string | undefined | null): TraceContext | null {
  const [, version, trace_id, span_id, flags, more] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(text?.trim() ?? '') ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return null;
  if (/^0+$/.test(trace_id!) || /^0+$/.test(span_id!)) return null;
  return { trace_id: trace_id!, span_id: span_id!, sampled: (Number.parseInt(flags!, 16) & 1) === 1 };
}

export const formatTraceparent = ({ trace_id, span_id, sampled }: TraceContext): string =>
  `00-${trace_id}-${span_id}-${sampled ? '01' : '00'}`;
