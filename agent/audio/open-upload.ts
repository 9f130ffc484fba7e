/** Opens audio at `upload://ID/name`: a file uploaded to the monitor, read through a function of the worker. */
import { Readable } from 'node:stream';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { EngineError } from '../engines/engine.ts';
import type { AudioStream } from './audio-source.ts';

/**
 * Requests the bytes of an upload from the monitor. Of what it throws, an EngineError is passed on, an error with
 * `status` 404 or 403 means missing or denied, and any other is a network error.
 */
export type OpenUpload = (upload_id: string, signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>;

export async function openUploaded(
  audio_url: string,
  { signal, openUpload }: { signal: AbortSignal; openUpload: OpenUpload },
): Promise<AudioStream> {
  const [, upload_id] = /^upload:\/\/([A-Za-z0-9][A-Za-z0-9_-]{0,63})(?:\/|$)/.exec(audio_url) ?? [];
  if (upload_id === undefined) throw new EngineError('audio_url_invalid', 'not of the form upload://ID/name');
  try {
    const stream = await openUpload(upload_id, signal);
    return { stream: Readable.fromWeb(stream as WebStream), total_bytes: null };
  } catch (error) {
    const { status, code } = error as { status?: number; code?: string };
    if (status === 404 || status === 410) throw new EngineError('audio_not_found', `upload ${upload_id}: ${status}`);
    // The monitor has verified what its store holds: another attempt reads the same.
    if (code === 'upload_damaged')
      throw new EngineError('audio_not_found', `upload ${upload_id}: ${(error as Error).message}`);
    if (status === 401 || status === 403) throw new EngineError('audio_forbidden', `upload ${upload_id}: ${status}`);
    throw error;
  }
}
