/** Notifications: the log of their deliveries, replay, and a test of a destination. */
import { Type } from 'typebox';
import { MonitorError } from '../../../protocol/errors.ts';
import { Notification, NotificationFilter, NotificationTest } from '../../../protocol/notification.ts';
import { notificationDocument } from '../../documents/notification.ts';
import { newUlid } from '../../ids.ts';
import { originOf } from '../../state-machine/apply/notices.ts';
import type { NoticeRecord } from '../../state-machine/state/notices.ts';
import type { State } from '../../state-machine/state/state.ts';
import type { ApiContext } from '../context.ts';
import { endpoint } from '../endpoint.ts';
import { commandOf } from './command.ts';
import { pageOf } from './jobs.ts';
import { decodeCursor, encodeCursor, PAGE_DEFAULT } from './listing.ts';
import { webhookError } from './submission.ts';

const NotificationQuery = Type.Object(
  {
    ...NotificationFilter,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: `Default ${PAGE_DEFAULT}.` })),
    cursor: Type.Optional(Type.String({ maxLength: 200, description: "The last page's `next_cursor`." })),
  },
  { additionalProperties: false },
);

/** Notices looked at for one page; the cursor continues. */
const SCANNED_MAX = 10_000;

type Filter = { state?: string; job_id?: string };

const matches = ({ state, content }: NoticeRecord, filter: Filter): boolean =>
  (filter.state === undefined || state === filter.state) &&
  (filter.job_id === undefined || (content.kind === 'job' && content.job.job_id === filter.job_id));

/** Newest first. */
function pageOfNotices({ tables }: State, filter: Filter, before: number, limit: number) {
  const items: Notification[] = [];
  let scanned = 0;
  for (const [ordinal, id] of tables.notices_by_creation.entriesReversed(before - 1)) {
    const notice = tables.notices.get(id);
    if (notice && matches(notice, filter)) items.push(notificationDocument(notice));
    scanned += 1;
    if (items.length === limit || scanned === SCANNED_MAX) return { items, next_cursor: encodeCursor({ ordinal }) };
  }
  return { items, next_cursor: null };
}

function find({ engine }: ApiContext, id: string): Notification {
  const notice = engine.state.tables.notices.get(id);
  if (!notice) throw new MonitorError('not_found', 'notification_not_found', `there is no notification ${id}`);
  return notificationDocument(notice);
}

const NotificationParams = Type.Object({ notification_id: Type.String({ maxLength: 100 }) });

export const notificationEndpoints = [
  endpoint({
    method: 'GET',
    path: '/system/notifications',
    operation: 'system.notifications',
    permission: 'fleet',
    summary: 'List notifications, newest first, with the state of their delivery; ended ones are kept for a day',
    query: NotificationQuery,
    responses: { 200: pageOf(Notification) },
    async run({ engine }, { query: { limit = PAGE_DEFAULT, cursor, ...filter } }) {
      const after = decodeCursor(cursor);
      const before = after && 'ordinal' in after ? after.ordinal : Number.MAX_SAFE_INTEGER;
      return pageOfNotices(engine.state, filter as Filter, before, limit);
    },
  }),
  endpoint({
    method: 'GET',
    path: '/system/notifications/:notification_id',
    operation: 'system.notification',
    permission: 'fleet',
    summary: 'Get a notification and the state of its delivery',
    params: NotificationParams,
    responses: { 200: Notification },
    run: async (context, { params }) => find(context, params.notification_id),
  }),
  endpoint({
    method: 'POST',
    path: '/system/notifications/:notification_id/replay',
    operation: 'system.replayNotification',
    permission: 'operate',
    summary: 'Send a notification again, under the same `webhook-id`, whatever became of it',
    params: NotificationParams,
    responses: { 200: Notification },
    async run(context, { params, caller }) {
      const { notification_id: notice_id } = params;
      await context.engine.submit(commandOf(caller, { type: 'replay_notice', notice_id }));
      return find(context, notice_id);
    },
  }),
  endpoint({
    method: 'POST',
    path: '/system/notifications/test',
    operation: 'system.testNotification',
    permission: 'operate',
    summary: 'Send a test to a destination or a webhook; its delivery is logged like any other',
    body: NotificationTest,
    responses: { 201: Notification },
    async run(context, { body, caller, reply }) {
      const target = targetOf(context, body);
      const notices = [{ notice_id: `test-${newUlid()}`, ...target }];
      const { refs } = await context.engine.submit(commandOf(caller, { type: 'request_notices', notices }));
      reply.code(201);
      return find(context, refs[0]![1]);
    },
  }),
];

function targetOf({ engine, settings }: ApiContext, { webhook_url: url, destination }: NotificationTest) {
  if ((url === undefined) === (destination === undefined)) {
    throw new MonitorError('invalid', 'invalid_body', 'body: exactly one of webhook_url and destination is required');
  }
  if (url !== undefined) {
    const error = webhookError(url, settings);
    if (error) throw error;
    return { destination: originOf(url), url };
  }
  const { notifiers } = engine.policy.routing;
  if (notifiers.has(destination!)) return { destination: destination!, url: null };
  const names = [...notifiers].join(', ');
  throw new MonitorError('not_found', 'destination_not_found', `there is no destination ${destination}`, {
    hint:
      names === '' ? 'None is configured: `tmon serve --notify URL` or --notify-routes FILE.' : `There are ${names}.`,
  });
}
