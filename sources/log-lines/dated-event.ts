import type { LoggedEvent } from '../../protocol/log-line.ts';

/** An event whose time is known, or taken from the previous line. */
export type DatedEvent = LoggedEvent & { timestamp_ms: number };
