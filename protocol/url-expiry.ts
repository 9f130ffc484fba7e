/**
 * Until when a signed URL is valid, as its query says: S3 and compatible stores (`X-Amz-Date` + `X-Amz-Expires`), Google
 * (`X-Goog-…`, `Expires`), CloudFront and older S3 signatures (`Expires`), Azure (`se`). The signature is not read.
 */
import { LAST_MS, parseTime } from './time.ts';

const SIGNED_AT = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** Milliseconds since 1970; null if the URL does not say. */
export function urlExpiry(url: string): number | null {
  if (!url.includes('?') || !/^https?:/i.test(url)) return null;
  const [, search = ''] = url.split('#', 1)[0]!.split(/\?(.*)/s);
  const query = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(search)) {
    query.set(name.toLowerCase(), value);
  }
  const expires_ms =
    signedFor(query, 'x-amz') ?? signedFor(query, 'x-goog') ?? ofUnixTime(query.get('expires')) ?? ofSas(query);
  return expires_ms !== null && expires_ms > 0 && expires_ms <= LAST_MS ? expires_ms : null;
}

function signedFor(query: ReadonlyMap<string, string>, prefix: string): number | null {
  const [, ...parts] = SIGNED_AT.exec(query.get(`${prefix}-date`) ?? '') ?? [];
  const seconds = Number(query.get(`${prefix}-expires`) || Number.NaN);
  if (parts.length === 0 || !(seconds >= 0)) return null;
  const [year, month, day, hour, minute, second] = parts;
  return parseTime(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) + seconds * 1000;
}

function ofUnixTime(value: string | undefined): number | null {
  return value !== undefined && /^\d{9,11}$/.test(value) ? Number(value) * 1000 : null;
}

/** A shared access signature; its end may lack the time of day. */
function ofSas(query: ReadonlyMap<string, string>): number | null {
  const end = query.get('se');
  if (end === undefined || !query.has('sig')) return null;
  const time_ms = Date.parse(end);
  return Number.isNaN(time_ms) ? null : time_ms;
}
