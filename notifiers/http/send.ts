/**
 * A POST to an address that somebody else chose. Its host is resolved once, every address is checked, and the
 * connection is made to those addresses only, so that a name can't be checked as one address and reached as another.
 * Each redirect is checked the same way. Time and the size of the response are limited.
 */
import { lookup as resolve } from 'node:dns/promises';
import { type IncomingMessage, request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { hostOf, refusedAddress, refusedHost } from './addresses.ts';

export const REDIRECTS_MAX = 3;
/** Longer responses are cut off. */
export const RESPONSE_MAX_BYTES = 64 * 1024;

export type Address = { address: string; family: number };

export type Reach = {
  /** Private addresses are not refused. */
  allow_private: boolean;
  /** Resolves a host name. Default: the system's resolver. */
  resolve?: (host: string) => Promise<readonly Address[]>;
  /** Why an address is refused, unless private ones are allowed. Default: see addresses.ts. */
  refused?: (address: string) => string | null;
};

export type Sent = { status: number; headers: IncomingMessage['headers']; text: string };

/** The address is one that this monitor does not connect to. */
export class AddressRefused extends Error {
  override name = 'AddressRefused';
}

export type SendOptions = Reach & {
  headers: Record<string, string>;
  body: string;
  /** Ends the request, including its redirects. */
  signal: AbortSignal;
};

/** Resolves to any response but a redirect that keeps the method. Rejects with AddressRefused, or with the error of the connection. */
export async function send(url: URL, options: SendOptions): Promise<Sent> {
  let target = url;
  let { headers } = options;
  for (let redirects = 0; ; redirects += 1) {
    const sent = await exchange(target, { ...options, headers });
    const location = sent.status === 307 || sent.status === 308 ? sent.headers.location : undefined;
    if (location === undefined || redirects === REDIRECTS_MAX) return sent;
    const next = URL.canParse(location, target) ? new URL(location, target) : null;
    if (next === null || !/^https?:$/.test(next.protocol)) return sent;
    if (target.protocol === 'https:' && next.protocol !== 'https:') return sent;
    // A password for one host is none for another.
    if (next.origin !== target.origin) headers = without(headers, 'authorization');
    target = next;
  }
}

async function exchange(url: URL, options: SendOptions): Promise<Sent> {
  const { headers, body, signal } = options;
  signal.throwIfAborted();
  const addresses = await addressesOf(url, options);
  const start = url.protocol === 'https:' ? overHttps : overHttp;
  return new Promise((settle, reject) => {
    const request = start(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
      // Not shared: a pooled connection might be to an address of an earlier, unchecked resolution.
      agent: false,
      lookup: pinnedTo(addresses),
      signal,
      maxHeaderSize: 16 * 1024,
    });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const finish = () => {
        const text = Buffer.concat(chunks).subarray(0, RESPONSE_MAX_BYTES).toString('utf8');
        settle({ status: response.statusCode ?? 0, headers: response.headers, text });
      };
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes <= RESPONSE_MAX_BYTES) return;
        finish();
        request.destroy();
      });
      response.on('end', finish);
      response.on('error', reject);
    });
    request.end(body);
  });
}

async function addressesOf(
  url: URL,
  { allow_private, resolve: ask = system, refused = refusedAddress, signal }: SendOptions,
): Promise<readonly Address[]> {
  if (!allow_private) {
    const why = refusedHost(url, refused);
    if (why !== null) throw new AddressRefused(why);
  }
  const host = hostOf(url.hostname);
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  const addresses = await unlessAborted(ask(host), signal);
  if (addresses.length === 0) throw new Error(`${host} has no address`);
  if (allow_private) return addresses;
  // All must be public: which of them is used is up to the connection.
  for (const { address } of addresses) {
    const why = refused(address);
    if (why !== null) throw new AddressRefused(`${host} is ${address}, which ${why}`);
  }
  return addresses;
}

const system = (host: string): Promise<readonly Address[]> => resolve(host, { all: true, verbatim: true });

function pinnedTo(addresses: readonly Address[]): LookupFunction {
  return (_host, { all }, callback) => {
    if (all) callback(null, [...addresses]);
    else callback(null, addresses[0]!.address, addresses[0]!.family);
  };
}

/** A lookup can't be aborted; its result is then ignored. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((settle, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    promise.then(settle, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

function without(headers: Record<string, string>, name: string): Record<string, string> {
  const { [name]: _, ...rest } = headers;
  return rest;
}
