/** What the viewer may do. Whatever a role may not do is not offered: no page, link, button or key of it. */
import type { ReactNode } from 'react';
import type { Session } from '../../../protocol/session.ts';
import { useLive, useValue } from './use-live.ts';

/** The words of `x-permission` in the API document that pages and buttons need. */
export type Permission =
  /** Look at jobs. */
  | 'read'
  /** Look at workers, queues, alerts, costs. */
  | 'fleet'
  /** Submit, cancel and retry jobs. */
  | 'submit'
  /** Drain or terminate a worker. */
  | 'end_worker'
  /** All else that changes jobs, workers, queues and alerts. */
  | 'operate'
  /** Keys, sessions, settings, who did what. */
  | 'admin';

export const may = (session: Session | null, permission: Permission): boolean =>
  session?.permissions.includes(permission) ?? false;

export function useMay(permission: Permission): boolean {
  return may(useValue(useLive().session), permission);
}

/** For lists of things of which each needs something. */
export function useMayAny(): (permission: Permission | undefined) => boolean {
  const session = useValue(useLive().session);
  return (permission) => permission === undefined || may(session, permission);
}

/** Drawn only for those who may. */
export function May({ do: permission, children }: { do: Permission; children: ReactNode }) {
  return useMay(permission) ? children : null;
}
