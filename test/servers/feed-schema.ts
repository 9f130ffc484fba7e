/** Asserts that a message of the feed matches its schema in protocol/feed-messages.ts. */
import assert from 'node:assert/strict';
import { Ajv } from 'ajv';
import { Alert } from '../../protocol/alert.ts';
import { FEED_MESSAGES } from '../../protocol/feed-messages.ts';
import { Queue } from '../../protocol/queue.ts';
import { SystemHealth } from '../../protocol/system.ts';
import { parseTime } from '../../protocol/time.ts';
import { Worker } from '../../protocol/worker.ts';
import type { Json } from './monitor.ts';

const ajv = new Ajv({ allErrors: true, strict: false }).addFormat(
  'date-time',
  (value: string) => !Number.isNaN(parseTime(value)),
);
for (const schema of [Worker, Alert, Queue, SystemHealth, ...FEED_MESSAGES]) ajv.addSchema(schema as object);

const CONTROLS: Record<string, string> = {
  subscribed: 'Subscribed',
  live: 'Live',
  unsubscribed: 'Unsubscribed',
  pong: 'Pong',
  error: 'FeedError',
  answer: 'CallAnswer',
};

/** The name of its schema. */
export function kindOf({ type, resource, operation }: Json): string {
  if (type === 'error' && operation !== undefined) return 'CallError';
  const control = CONTROLS[type];
  if (control) return control;
  if (type === 'progress') return 'JobReported';
  const name = `${resource[0].toUpperCase()}${resource.slice(1)}`;
  return type === 'update' && ['job', 'worker', 'alert'].includes(resource) ? `${name}Changed` : `${name}Now`;
}

export function assertFeedMessage(message: Json): void {
  const validate = ajv.getSchema(kindOf(message));
  assert.ok(validate, `${JSON.stringify(message)} is not a message of the feed`);
  assert.ok(validate(message), `${kindOf(message)} ${JSON.stringify(message)}: ${JSON.stringify(validate.errors)}`);
}

export const ALL_KINDS = FEED_MESSAGES.map((schema) => String((schema as { $id?: string }).$id));
