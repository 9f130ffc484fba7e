/** Opens audio at `https://`: follows at most five redirects, only to HTTPS. */
import type { IncomingMessage } from 'node:http';
import { type Agent, request as httpsRequest } from 'node:https';
import { EngineError } from '../engines/engine.ts';
import { type AudioStream, showUrl, unreachable } from './audio-source.ts';

const REDIRECTS_MAX = 5;

export async function openHttps(
  from: URL,
  { signal, agent }: { signal: AbortSignal; agent?: Agent | undefined },
): Promise<AudioStream> {
  let url = from;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const answer = await ask(url, signal, agent);
    const status = answer.statusCode ?? 0;
    if (status === 200) return { stream: answer, total_bytes: lengthOf(answer) };
    answer.destroy();
    const { location } = answer.headers;
    if (![301, 302, 303, 307, 308].includes(status) || location === undefined) throw refusal(url, status);
    const next = URL.parse(location, url);
    if (next?.protocol !== 'https:') {
      throw new EngineError('audio_url_invalid', `${showUrl(url.href)} redirects to ${showUrl(location)}: not HTTPS`);
    }
    url = next;
  }
  throw new EngineError('audio_url_invalid', `${showUrl(from.href)} redirects more than ${REDIRECTS_MAX} times`);
}

function ask(url: URL, signal: AbortSignal, agent: Agent | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // A user and password in the URL become an Authorization header, which is not sent to another host after a
    // redirect.
    const request = httpsRequest(url, {
      signal,
      agent,
      headers: { accept: '*/*', 'user-agent': 'transcription-monitor' },
    });
    request.on('response', resolve).on('error', reject).end();
  });
}

function lengthOf(answer: IncomingMessage): number | null {
  const length = Number(answer.headers['content-length'] ?? Number.NaN);
  return Number.isSafeInteger(length) ? length : null;
}

function refusal(url: URL, status: number): EngineError {
  const shown = showUrl(url.href);
  if (status === 404 || status === 410) return new EngineError('audio_not_found', `${shown}: ${status}`);
  if (status === 401 || status === 403) {
    return new EngineError('audio_forbidden', `${shown}: ${status}`, { hint: 'a pre-signed URL may have expired' });
  }
  // Every other status may be temporary: 408, 425, 429 and 5xx certainly; the rest (a 400 of a broken gateway) cost one
  // more attempt.
  return unreachable(shown, `HTTP ${status}`);
}
