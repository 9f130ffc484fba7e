/** The result of every audio source, and the form in which a URL may be shown: without a signature. */
import type { Readable } from 'node:stream';
import { EngineError } from '../engines/engine.ts';

/** The bytes, and their promised number. */
export type AudioStream = { stream: Readable; total_bytes: number | null };

/** The URL without its query, fragment, user and password. */
export function showUrl(audio_url: string): string {
  return (audio_url.split(/[?#]/, 1)[0] ?? '').replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1').slice(0, 300);
}

export function unreachable(shown: string, why: string, cause?: unknown): EngineError {
  return new EngineError('audio_unreachable', `${shown}: ${why}`, { cause });
}
