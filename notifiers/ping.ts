/**
 * Pings a dead man's switch after each check, so that a check that no longer runs is noticed: Healthchecks, Cronitor,
 * Uptime Kuma, or any URL. A service that takes failures is pinged with them; any other is pinged only when all is
 * well.
 */
import type { CheckDocument } from '../protocol/check.ts';
import { NotifierError } from './notifier.ts';
import { nameOf } from './webhook.ts';

const PING_WITHIN_MS = 10_000;
const TRIES = 3;
const PAUSE_MS = 1_000;
const TEXT_MAX = 10_000;

export type Ping = { name: string; send(document: CheckDocument, text: string, signal: AbortSignal): Promise<void> };

type Request = { url: URL; body?: string };

/** Throws NotifierError if it is not a URL. */
export function openPing(address: string): Ping {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new NotifierError('a ping must be https://HOST/PATH', { hint: '--ping https://hc-ping.com/UUID' });
  }
  const name = nameOf(address);
  return {
    name,
    async send(document, text, signal) {
      const request = pingOf(url, document, text);
      if (request !== null) await deliver(request, name, signal);
    },
  };
}

/** Null if this service takes only successes, and this is a failure. */
export function pingOf(address: URL, { verdict, says }: CheckDocument, text: string): Request | null {
  const url = new URL(address);
  const well = verdict === 'well';
  if (url.hostname === 'hc-ping.com' || /^\/ping\//.test(url.pathname)) {
    if (!well) url.pathname = `${url.pathname.replace(/\/$/, '')}/fail`;
    return { url, body: text.slice(0, TEXT_MAX) };
  }
  if (/(^|\.)cronitor\.(link|io)$/.test(url.hostname)) {
    url.searchParams.set('state', well ? 'complete' : 'fail');
    url.searchParams.set('message', says);
    return { url };
  }
  if (url.pathname.startsWith('/api/push/')) {
    url.searchParams.set('status', well ? 'up' : 'down');
    url.searchParams.set('msg', says);
    return { url };
  }
  return well ? { url } : null;
}

async function deliver({ url, body }: Request, name: string, signal: AbortSignal): Promise<void> {
  let why = '';
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    try {
      const init: RequestInit = { redirect: 'manual', headers: { 'user-agent': 'transcription-monitor' } };
      if (body !== undefined) Object.assign(init, { method: 'POST', body });
      init.signal = AbortSignal.any([signal, AbortSignal.timeout(PING_WITHIN_MS)]);
      const response = await fetch(url, init);
      await response.body?.cancel();
      if (response.ok) return;
      why = `HTTP ${response.status}`;
      if (response.status < 500 && response.status !== 429) break;
    } catch (error) {
      const { cause, message } = error as Error;
      why = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code || message : message;
    }
    if (signal.aborted || attempt === TRIES) break;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new NotifierError(`${name} was not pinged: ${why}`);
}
