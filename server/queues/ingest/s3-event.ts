/** S3 event notifications: as S3 sends them, through SNS, and through EventBridge. */

/** `etag` and `sequencer` distinguish two versions of a key, and are the same in both deliveries of one event. */
export type S3Object = { bucket: string; key: string; size: number | null; event: string };

/** The objects that were created; empty if the event is about something else; null if this is not an S3 event. */
export function createdObjects(body: unknown): S3Object[] | null {
  if (!isObject(body)) return null;
  if (typeof body.Message === 'string' && body.Type === 'Notification') return createdObjects(parse(body.Message));
  if (body.Event === 's3:TestEvent') return [];
  if (body.source === 'aws.s3' && isObject(body.detail)) return fromEventBridge(body, body.detail);
  if (!Array.isArray(body.Records)) return null;
  const records = body.Records.filter(isObject);
  if (records.length === 0 || records.some(({ eventSource }) => eventSource !== 'aws:s3')) return null;
  return records.flatMap(fromRecord);
}

function fromRecord({ eventName, s3 }: Fields): S3Object[] {
  if (!/^(s3:)?ObjectCreated:/.test(String(eventName)) || !isObject(s3)) return [];
  const { bucket, object } = s3;
  if (!isObject(bucket) || !isObject(object)) return [];
  // In this form keys are encoded as in a query: a space is a plus sign.
  const key = decode(String(object.key).replaceAll('+', ' '));
  return objectOf(bucket.name, key, object, object.eTag);
}

function fromEventBridge(body: Fields, { bucket, object }: Fields): S3Object[] {
  if (body['detail-type'] !== 'Object Created' || !isObject(bucket) || !isObject(object)) return [];
  return objectOf(bucket.name, String(object.key), object, object.etag);
}

function objectOf(bucket: unknown, key: string, object: Fields, etag: unknown): S3Object[] {
  const { size, sequencer } = object;
  const event = JSON.stringify([bucket, key, sequencer ?? etag ?? null]);
  return [{ bucket: String(bucket), key, size: typeof size === 'number' ? size : null, event }];
}

type Fields = Record<string, unknown>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
