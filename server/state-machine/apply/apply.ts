/**
 * Applies events to the state; nothing else changes it.
 *
 * Total: it never throws, so that no event can stop a replay; an event about an unknown entity changes nothing.
 * Deterministic: its only inputs are the state, the event, the segment's number and its log time.
 */

import type { Event, JournalEvent } from '../events.ts';
import { measureUntil } from '../state/gauges.ts';
import type { CommandRef } from '../state/records.ts';
import type { State } from '../state/state.ts';
import { applyAlertEvent } from './alerts.ts';
import { applyArchiveEvent } from './archive.ts';
import { applyErasureEvent } from './erasures.ts';
import { applyJobEvent } from './job.ts';
import { applyKeyEvent } from './keys.ts';
import { applyNoticeEvent, mayEndJob, noteEnd } from './notices.ts';
import { observe } from './observed.ts';
import { applyPassEvent } from './passes.ts';
import { applyPolicyEvent } from './policies.ts';
import { applyTenantEvent } from './tenants.ts';
import { applyWorkerEvent } from './worker.ts';

/** Begins segment `seq`. Log time never goes back, even if the author's clock did. */
export function beginSegment(state: State, seq: number, at_ms: number): void {
  state.scalars.seq = seq;
  if (!(at_ms > state.scalars.at_ms)) return;
  measureUntil(state, at_ms);
  state.scalars.at_ms = at_ms;
}

/** Applies events of the current segment, in order. Skips an event whose id has taken effect before. */
export function applyEvents(state: State, events: readonly JournalEvent[]): void {
  let at = 0;
  while (at < events.length) {
    const event = events[at]!;
    // Soft events, most of all, are not remembered.
    if (!isRemembered(String(event.id))) {
      applyIfPossible(state, event);
      at += 1;
      continue;
    }
    const { command_id, fingerprint } = splitEventId(event.id);
    let end = at + 1;
    while (end < events.length && splitEventId(events[end]!.id).command_id === command_id) end += 1;
    applyCommand(state, { command_id, fingerprint }, events.slice(at, end));
    at = end;
  }
}

/** Applies the events of one command and remembers the command. */
function applyCommand(
  state: State,
  { command_id, fingerprint }: { command_id: string; fingerprint: string },
  events: readonly JournalEvent[],
): void {
  const known = state.tables.commands.get(command_id);
  const refs = [...(known?.refs ?? [])];
  const ordinal = known?.ordinal ?? state.nextOrdinal();
  for (const event of events) {
    if (splitEventId(event.id).index < refs.length) continue;
    refs.push(refOf(event));
    applyIfPossible(state, event);
  }
  state.putCommand(command_id, {
    ordinal,
    fingerprint: known?.fingerprint ?? fingerprint,
    at_ms: known?.at_ms ?? state.at_ms,
    refs,
  });
}

/** `<command>/<fingerprint>/<index>`. */
export function eventId(command_id: string, fingerprint: string, index: number): string {
  return `${command_id}/${fingerprint}/${index}`;
}

function splitEventId(id: string): { command_id: string; fingerprint: string; index: number } {
  const [command_id = '', fingerprint = '', index = ''] = String(id).split('/');
  return { command_id, fingerprint, index: Number(index) };
}

/** Prefix of ids that are not remembered: of commands that are harmless to repeat (soft ones, the monitor's own). */
export const UNREMEMBERED = '~';

export function isRemembered(command_id: string): boolean {
  return !command_id.startsWith(UNREMEMBERED);
}

/** Skips an event without the shape of its type, as every other instance does, rather than stop the replay. */
function applyIfPossible(state: State, event: JournalEvent): void {
  try {
    apply(state, event);
  } catch {
    // Not reached by events from decide.ts; a log written by another program may contain others.
  }
}

function apply(state: State, event: Event): void {
  if (!mayEndJob(event)) return applyOne(state, event);
  const before = state.job(event.entity);
  applyOne(state, event);
  noteEnd(state, before, state.job(event.entity));
}

function applyOne(state: State, event: Event): void {
  switch (event.type) {
    case 'WorkerLaunched':
    case 'WorkerRegistered':
    case 'WorkerBeat':
    case 'WorkerStatusChanged':
    case 'WorkerDraining':
    case 'WorkerRestarting':
    case 'WorkerTerminated':
    case 'WorkerJudged':
      return applyWorkerEvent(state, event);
    case 'ActionDecided':
    case 'ActionSettled':
    case 'PoliciesPaused':
    case 'PoliciesResumed':
      return applyPolicyEvent(state, event);
    case 'JobObserved':
      return observe(state, event);
    case 'AlertPending':
    case 'AlertRaised':
    case 'AlertAcknowledged':
    case 'AlertResolved':
    case 'AlertCleared':
    case 'SilenceCreated':
    case 'SilenceEnded':
      return applyAlertEvent(state, event);
    case 'NoticesClaimed':
    case 'NoticesReleased':
    case 'NoticeDelivered':
    case 'NoticeFailed':
    case 'NoticeReplayed':
    case 'NoticeRequested':
    case 'NoticesForgotten':
    case 'AlertsNotified':
    case 'AlertGroupEnded':
      return applyNoticeEvent(state, event);
    case 'KeyCreated':
    case 'KeyRotated':
    case 'KeyRevoked':
      return applyKeyEvent(state, event);
    case 'TenantSet':
    case 'TenantReset':
    case 'TenantPaused':
    case 'TenantResumed':
    case 'UploadCounted':
      return applyTenantEvent(state, event);
    case 'PassIssued':
    case 'PassUsed':
    case 'PassEnded':
      return applyPassEvent(state, event);
    case 'JobErased':
    case 'ErasuresAdvanced':
    case 'PacksDropped':
      return applyErasureEvent(state, event);
    case 'JobsArchived':
    case 'ArchivePacked':
    case 'ArchiveIndexed':
    case 'ColumnsWritten':
    case 'ArchiveRepacked':
      return applyArchiveEvent(state, event);
    case 'WorkersArchived':
      for (const worker_id of event.data.worker_ids) state.removeWorker(worker_id);
      return;
    case 'AlertsArchived':
      for (const alert_id of event.data.alert_ids) state.removeAlert(alert_id);
      return;
    case 'CommandsForgotten':
      return state.forgetCommands(event.data.through_ordinal);
    case 'LossAccepted':
      return;
    default:
      return applyJobEvent(state, event);
  }
}

function refOf(event: Event): CommandRef {
  if (event.type === 'JobAssigned' && event.data?.token && event.data.expires_ms !== null) {
    return [event.type, event.entity, event.data.token, event.data.expires_ms];
  }
  return [event.type, event.entity];
}
