/** A span that is over. Spans are made after the fact, from times that are known anyway, so that no work waits for one. */
export type FinishedSpan = {
  trace_id: string;
  /** 16 digits of lower-case hex. */
  span_id: string;
  /** Null for the root of a trace. */
  parent_span_id: string | null;
  name: string;
  /** Milliseconds since 1970. */
  start_ms: number;
  end_ms: number;
  attributes: Readonly<Record<string, string | number | boolean>>;
  /** Why it failed; null if it did not. */
  error: string | null;
  /** Moments in it. */
  events?: readonly { name: string; at_ms: number }[];
};

export interface SpanExport {
  /** Never throws and never waits; when too many spans are pending, further ones are dropped. */
  export(span: FinishedSpan): void;
  /** Sends what is pending, within two seconds. */
  close(): Promise<void>;
}
