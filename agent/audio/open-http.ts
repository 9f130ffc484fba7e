/**
 * Opens audio at `https://`, and at `http://` if the worker allows it: follows at most five redirects, from HTTPS only to
 * HTTPS. An encoding that nobody asked for is undone.
 *
 * Over `http://` the machine's own link-local addresses are never asked: there clouds hand out the machine's credentials.
 */
import { lookup as resolve } from 'node:dns';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { type Agent, request as httpsRequest } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { urlExpiry } from '../../protocol/url-expiry.ts';
import { EngineError } from '../engines/engine.ts';
import { type AudioStream, showUrl, unreachable } from './audio-source.ts';

export type OpenHttpOptions = {
  signal: AbortSignal;
  /** For `https://`. */
  agent?: Agent | undefined;
  allow_http: boolean;
};

const REDIRECTS_MAX = 5;
const ERROR_BYTES_MAX = 16 * 1024;

const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');
LINK_LOCAL.addSubnet('fd00:ec2::', 32, 'ipv6');

const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

export async function openHttp(from: URL, options: OpenHttpOptions): Promise<AudioStream> {
  let url = from;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    if (url.protocol === 'http:' && !options.allow_http) throw httpRefused(url);
    const answer = await ask(url, options);
    const status = answer.statusCode ?? 0;
    if (status === 200 || (status === 206 && isWhole(answer))) return decoded(answer);
    const { location } = answer.headers;
    if (![301, 302, 303, 307, 308].includes(status) || location === undefined) throw await refusal(url, answer);
    answer.destroy();
    const next = URL.parse(location, url);
    if (next?.protocol !== 'https:' && !(next?.protocol === 'http:' && url.protocol === 'http:')) {
      throw new EngineError('audio_url_invalid', `${showUrl(url.href)} redirects to ${showUrl(location)}: not HTTPS`);
    }
    url = next;
  }
  throw new EngineError('audio_url_invalid', `${showUrl(from.href)} redirects more than ${REDIRECTS_MAX} times`);
}

function ask(url: URL, { signal, agent }: OpenHttpOptions): Promise<IncomingMessage> {
  return new Promise((resolvePromise, reject) => {
    // A user and password in the URL become an Authorization header, which is not sent to another host after a
    // redirect.
    const headers = { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'transcription-monitor' };
    const request =
      url.protocol === 'https:'
        ? httpsRequest(url, { signal, agent, headers })
        : httpRequest(url, { signal, headers, lookup: lookupElsewhere });
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (url.protocol === 'http:' && isLinkLocal(host)) request.destroy(linkLocal(host));
    request.on('response', resolvePromise).on('error', reject).end();
  });
}

const lookupElsewhere: LookupFunction = (host, options, callback) => {
  resolve(host, { ...options, all: true }, (error, addresses) => {
    const found = addresses?.find(({ address }) => isLinkLocal(address));
    if (error !== null) return callback(error, '');
    if (found !== undefined) return callback(linkLocal(host), '');
    if (options.all === true) return callback(null, addresses);
    const [first] = addresses;
    return first === undefined ? callback(new Error('ENOTFOUND'), '') : callback(null, first.address, first.family);
  });
};

function isLinkLocal(address: string): boolean {
  const version = isIP(address);
  if (version === 0) return false;
  // An IPv4 address inside an IPv6 one is compared as such by the list.
  return LINK_LOCAL.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

function linkLocal(host: string): EngineError {
  return new EngineError('audio_url_invalid', `${host} is an address of the machine itself, which holds no recordings`);
}

function httpRefused(url: URL): EngineError {
  return new EngineError('audio_url_invalid', `this worker does not fetch ${showUrl(url.href)}: it is not HTTPS`, {
    hint: 'submit an https:// URL, or start the workers with --allow-http if the network is trusted',
  });
}

/** Whether a part that was not asked for is all there is. */
function isWhole(answer: IncomingMessage): boolean {
  const [, from, to, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.headers['content-range'] ?? '') ?? [];
  return from === '0' && Number(to) + 1 === Number(size);
}

function decoded(answer: IncomingMessage): AudioStream {
  const encodings = (answer.headers['content-encoding'] ?? '').toLowerCase().split(',');
  const decoders = encodings.reverse().flatMap((encoding) => DECODERS[encoding.trim()]?.() ?? []);
  if (decoders.length === 0) return { stream: answer, total_bytes: lengthOf(answer) };
  const stream = decoders.at(-1)!;
  // An error of any of them destroys the last, which is read.
  pipeline([answer, ...decoders], () => {});
  return { stream, total_bytes: null };
}

function lengthOf(answer: IncomingMessage): number | null {
  const length = Number(answer.headers['content-length'] ?? Number.NaN);
  return Number.isSafeInteger(length) ? length : null;
}

async function refusal(url: URL, answer: IncomingMessage): Promise<EngineError> {
  const status = answer.statusCode ?? 0;
  const shown = showUrl(url.href);
  if (status === 404 || status === 410) {
    answer.destroy();
    return new EngineError('audio_not_found', `${shown}: ${status}`);
  }
  if ([400, 401, 403].includes(status)) {
    const end_ms = urlExpiry(url.href);
    if ((end_ms !== null && end_ms <= Date.now()) || saysExpired(await readError(answer)))
      return expired(shown, status);
  }
  answer.destroy();
  if (status === 401 || status === 403) {
    return new EngineError('audio_forbidden', `${shown}: ${status}`, { hint: 'a pre-signed URL may have expired' });
  }
  // Every other status may be temporary: 408, 425, 429 and 5xx certainly; the rest (a 400 of a broken gateway) cost one
  // more attempt.
  return unreachable(shown, status === 206 ? 'HTTP 206 with a part of the file' : `HTTP ${status}`);
}

/** In the words of S3 and compatible stores, Google and Azure. */
export function saysExpired(body: string): boolean {
  return /<Code>(ExpiredToken|RequestExpired|TokenRefreshRequired)<|Request has expired|Signature not valid in the specified time frame/i.test(
    body,
  );
}

function expired(shown: string, status: number): EngineError {
  return new EngineError('audio_url_expired', `${shown}: ${status}, the signed URL has expired`, {
    hint: 'submit it again with a new URL; input.audio_url_expires_at of a job says how long it may wait',
  });
}

/** The beginning of the body; what has come of it, if the connection breaks. */
async function readError(answer: IncomingMessage): Promise<string> {
  let body = '';
  try {
    for await (const chunk of answer) {
      body += (chunk as Buffer).toString('latin1');
      if (body.length >= ERROR_BYTES_MAX) break;
    }
  } catch {
    // What is known is enough.
  }
  return body;
}
