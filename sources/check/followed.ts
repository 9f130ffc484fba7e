/**
 * The sources that a monitor follows, as parts of a check of the monitor: its jobs are only those of which it could read something.
 * Pure.
 */
import type { FollowedSource } from '../../protocol/source.ts';
import type { Examined } from './evidence.ts';

/** These have nothing to say while no job waits. */
const QUEUE = /^(sqs|https?):/;

/** A source of a monitor, as a source of a check. */
export const followedName = (monitor: string, source: string): string => `${monitor} <- ${source}`;

/** `name`: of the monitor. */
export function examineFollowed(name: string, followed: FollowedSource): Examined {
  const { problem, looked_at, unreadable, unreadable_count, state } = followed;
  // Monitors of earlier versions do not say these.
  const { found_count = looked_at, notes = [] } = followed as Partial<FollowedSource>;
  const error = problem ?? (state === 'STARTING' ? { message: 'it has not been read yet', hint: null } : null);
  return {
    checked: {
      name: followedName(name, followed.name),
      read: error === null,
      error: error && {
        kind: 'unreachable',
        message: `${name} follows ${followed.name}: ${error.message}`,
        hint: error.hint,
      },
      looked_at,
      found_count,
      unreadable_count,
      unreadable,
      notes,
      queue: null,
      alerts: [],
    },
    evidence: {
      found_before: QUEUE.test(followed.name),
      half_written: [],
      in_flight_since_ms: null,
      heartbeats: new Map(),
      monitor: false,
      monitor_store: false,
      without_zone: false,
    },
  };
}
