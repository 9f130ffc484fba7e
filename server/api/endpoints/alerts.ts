/** Alerts, silences and the rules that raise alerts. */
import { type Static, Type } from 'typebox';
import {
  ALERT_STATUSES,
  Alert,
  AUTHOR_MAX,
  EffectiveAlertRules,
  Silence,
  SilenceCreation,
  Suppression,
} from '../../../protocol/alert.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import { Id } from '../../../protocol/ids.ts';
import { closed, Nullable, Words } from '../../../protocol/schema.ts';
import { formatTime, parseTime } from '../../../protocol/time.ts';
import { suppressions } from '../../alerts/suppression.ts';
import { alertDocument, alertRulesDocument, silenceDocument, unresolvedAlerts } from '../../documents/alerts.ts';
import { newId } from '../../ids.ts';
import { statusOf } from '../../state-machine/state/alerts.ts';
import type { AlertRecord } from '../../state-machine/state/records.ts';
import { readArchivedAlert } from '../../views/archived-records.ts';
import type { Caller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { endpoint } from '../endpoint.ts';
import { commandOf } from './command.ts';
import { pageOf } from './jobs.ts';
import { PAGE_DEFAULT } from './listing.ts';

const AlertParams = Type.Object({ alert_id: Id });

const ListedAlert = Type.Intersect([
  Alert,
  Type.Object({
    suppressed: Nullable({ ...Suppression, description: 'Why it notifies nobody now; null if it does.' }),
  }),
]);

const AlertsQuery = Type.Object(
  {
    status: Type.Optional(
      Words(
        [...ALERT_STATUSES, 'unresolved'],
        '`firing`, `pending`, `unresolved` (both) or `resolved` (those in memory, newest first). Default: firing.',
      ),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    cursor: Type.Optional(Type.String({ maxLength: 500 })),
  },
  closed,
);

const Author = Type.Union([
  Type.Object(
    {
      by: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: AUTHOR_MAX,
          description: 'Who does it. Default: the key of the request, or api without keys.',
        }),
      ),
    },
    closed,
  ),
  Type.Null(),
]);

/** A name that the body gives is what people read; the journal also has who sent it. */
export const authorOf = (body: Static<typeof Author>, { subject }: Caller): string => body?.by ?? subject.actor;

function* selectedAlerts({ engine: { state } }: ApiContext, status: string): Generator<AlertRecord> {
  if (status !== 'resolved') {
    for (const alert of unresolvedAlerts(state)) if (status === 'unresolved' || statusOf(alert) === status) yield alert;
    return;
  }
  const resolved = [...state.tables.alerts.values()].filter((alert) => alert.resolved_ms !== null);
  yield* resolved.sort((a, b) => b.resolved_ms! - a.resolved_ms! || (a.id < b.id ? 1 : -1));
}

/** The cursor is the place after the last alert of the page: alerts that end meanwhile move nothing. */
function pageOfAlerts(alerts: Iterable<AlertRecord>, descending: boolean, limit: number, cursor: string | undefined) {
  const timeOf = (alert: AlertRecord) => (descending ? -alert.resolved_ms! : alert.created_ms);
  const [, time, id = ''] = /^(-?\d{1,15})_([A-Za-z0-9_-]+)$/.exec(cursor ?? '') ?? [];
  if (cursor !== undefined && time === undefined) {
    throw new MonitorError('invalid', 'invalid_cursor', 'the cursor is not from this monitor', {
      hint: "Pass the last page's next_cursor unchanged, or omit it to start from the beginning.",
    });
  }
  const after = (alert: AlertRecord) =>
    time === undefined ||
    timeOf(alert) > Number(time) ||
    (timeOf(alert) === Number(time) && (descending ? alert.id < id : alert.id > id));
  const page: AlertRecord[] = [];
  for (const alert of alerts) {
    if (!after(alert)) continue;
    if (page.length === limit) return { page, next_cursor: `${timeOf(page.at(-1)!)}_${page.at(-1)!.id}` };
    page.push(alert);
  }
  return { page, next_cursor: null };
}

/** When a repeated request arrives, the alert may have left memory. */
async function findAlert({ engine, store }: ApiContext, alert_id: string): Promise<AlertRecord> {
  const alert = engine.state.tables.alerts.get(alert_id) ?? (await readArchivedAlert(store, alert_id));
  if (!alert) throw new MonitorError('not_found', 'alert_not_found', `there is no alert ${alert_id}`);
  return alert;
}

export const alertEndpoints = [
  endpoint({
    method: 'GET',
    path: '/system/alerts',
    operation: 'system.alerts',
    permission: 'fleet',
    summary: 'List alerts that fire, oldest first; with a status, others',
    query: AlertsQuery,
    responses: { 200: pageOf(ListedAlert) },
    async run(context, { query: { status = 'firing', limit = PAGE_DEFAULT, cursor } }) {
      const { engine } = context;
      const suppressed = suppressions(engine.state, engine.journal.now(), engine.policy.alerts);
      const selected = selectedAlerts(context, status);
      const { page, next_cursor } = pageOfAlerts(selected, status === 'resolved', limit, cursor);
      const items = page.map((alert) => ({
        ...alertDocument(alert),
        suppressed: alert.resolved_ms === null ? suppressed(alert) : null,
      }));
      return { items, next_cursor };
    },
  }),
  endpoint({
    method: 'GET',
    path: '/system/alerts/:alert_id',
    operation: 'system.alert',
    permission: 'fleet',
    summary: 'Get an alert, also a resolved one that has left memory',
    params: AlertParams,
    responses: { 200: Alert },
    run: async (context, { params }) => alertDocument(await findAlert(context, params.alert_id)),
  }),
  endpoint({
    method: 'POST',
    path: '/system/alerts/:alert_id/resolve',
    operation: 'system.resolveAlert',
    permission: 'operate',
    summary: 'Resolve an alert; it is raised again only after its condition has cleared',
    params: AlertParams,
    body: Author,
    responses: { 200: Alert },
    async run(context, { params: { alert_id }, body, caller }) {
      await context.engine.submit(commandOf(caller, { type: 'resolve_alert', alert_id, by: authorOf(body, caller) }));
      return alertDocument(await findAlert(context, alert_id));
    },
  }),
  endpoint({
    method: 'POST',
    path: '/system/alerts/:alert_id/acknowledge',
    operation: 'system.acknowledgeAlert',
    permission: 'operate',
    summary: 'Acknowledge an alert: somebody has taken it up, and it notifies nobody until it is resolved',
    params: AlertParams,
    body: Author,
    responses: { 200: Alert },
    async run(context, { params: { alert_id }, body, caller }) {
      await context.engine.submit(
        commandOf(caller, { type: 'acknowledge_alert', alert_id, by: authorOf(body, caller) }),
      );
      return alertDocument(await findAlert(context, alert_id));
    },
  }),
  endpoint({
    method: 'GET',
    path: '/system/alert-rules',
    operation: 'system.alertRules',
    permission: 'fleet',
    summary: 'Get the alert rules that apply, with inhibitions and mute times',
    responses: { 200: EffectiveAlertRules },
    run: async ({ engine, alert_rules }) => ({
      ...alertRulesDocument(engine.policy.alerts),
      problem: alert_rules.problem ?? null,
    }),
  }),
  endpoint({
    method: 'GET',
    path: '/system/silences',
    operation: 'system.silences',
    permission: 'fleet',
    summary: 'List silences that have not ended, oldest first',
    responses: { 200: pageOf(Silence) },
    async run({ engine: { state } }) {
      const silences = [...state.tables.silences.values()].sort((a, b) => a.created_ms - b.created_ms);
      return { items: silences.map(silenceDocument), next_cursor: null };
    },
  }),
  endpoint({
    method: 'POST',
    path: '/system/silences',
    operation: 'system.createSilence',
    permission: 'operate',
    summary: 'Create a silence: alerts that all its matchers select notify nobody until it ends',
    body: SilenceCreation,
    responses: { 201: Silence },
    async run({ engine }, { body, caller, reply }) {
      const outcome = await engine.submit(
        commandOf(caller, {
          type: 'create_silence',
          silence_id: newId('silence'),
          matchers: body.matchers,
          starts_ms: body.starts_at === undefined ? null : parseTime(body.starts_at),
          ends_ms: body.ends_at === undefined ? null : parseTime(body.ends_at),
          until_resolved: body.until_resolved === true,
          by: body.created_by,
          comment: body.comment,
        }),
      );
      const [, silence_id = ''] = outcome.refs[0] ?? [];
      const silence = engine.state.tables.silences.get(silence_id);
      if (!silence) throw new MonitorError('conflict', 'silence_ended', `${silence_id} was created and has ended`);
      reply.code(201);
      return silenceDocument(silence);
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/system/silences/:silence_id',
    operation: 'system.endSilence',
    permission: 'operate',
    summary: 'End a silence now',
    params: Type.Object({ silence_id: Id }),
    responses: { 200: Silence },
    async run({ engine }, { params: { silence_id }, caller }) {
      const silence = engine.state.tables.silences.get(silence_id);
      const outcome = await engine.submit(
        commandOf(caller, { type: 'end_silence', silence_id, by: caller.subject.actor }),
      );
      if (!silence) {
        // A repeated request: it ended with the first one.
        throw new MonitorError('not_found', 'silence_not_found', `${silence_id} has ended, in segment ${outcome.seq}`);
      }
      return { ...silenceDocument(silence), ends_at: formatTime(engine.state.at_ms) };
    },
  }),
];
