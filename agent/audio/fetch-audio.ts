/**
 * Downloads a job's audio to a file: from `https://` (and `http://`, if that is allowed), from `s3://bucket/key`, from `upload://ID/name` (a file that was
 * uploaded to the monitor).
 *
 * A URL may carry a signature in its query or a password before its host: messages never contain either.
 */

import { createWriteStream } from 'node:fs';
import type { Agent } from 'node:https';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { assertRoom, diskFull, isDiskFull } from '../disk-space.ts';
import { EngineError } from '../engines/engine.ts';
import { type AudioStream, showUrl, unreachable } from './audio-source.ts';
import { openHttp } from './open-http.ts';
import { openS3 } from './open-s3.ts';
import { type OpenUpload, openUploaded } from './open-upload.ts';

export type FetchAudioRequest = {
  audio_url: string;
  /** The file to write; its directory must exist. */
  path: string;
  signal: AbortSignal;
  /** Used only for `upload://` URLs. */
  openUpload: OpenUpload;
  /** Bytes received and expected (null if the server doesn't say). */
  onProgress?: (received_bytes: number, total_bytes: number | null) => void;
  limits?: Partial<FetchLimits>;
  /** Whether `http://` URLs are fetched: anyone on the way can read and change what they bring. Default false. */
  allow_http?: boolean;
  /** For `https://`: certificates of a private authority, a proxy. Default: Node's own. */
  https_agent?: Agent;
};

export type FetchLimits = {
  size_bytes_max: number;
  /** From the request to the first byte of the response. */
  answer_timeout_ms: number;
  /** Longest time without a byte. */
  idle_timeout_ms: number;
};

/** 8 GiB: a day of 48 kHz 16-bit mono is 8.3 GB. */
export const FETCH_LIMITS: FetchLimits = {
  size_bytes_max: 8 * 1024 ** 3,
  answer_timeout_ms: 30_000,
  idle_timeout_ms: 60_000,
};

export type FetchedAudio = { path: string; file_size_bytes: number };

/**
 * Throws EngineError `audio_url_invalid`, `audio_url_expired`, `audio_not_found`, `audio_forbidden`, `audio_too_large`,
 * `audio_unreachable` or `disk_full`; the signal's reason if it aborts. The caller removes a partial file with its directory.
 */
export async function fetchAudio(request: FetchAudioRequest): Promise<FetchedAudio> {
  const { signal, path } = request;
  signal.throwIfAborted();
  const limits = { ...FETCH_LIMITS, ...request.limits };
  const shown = showUrl(request.audio_url);
  // A timeout aborts the source, whichever it is, and is reported as a network error.
  const silence = new AbortController();
  const either = AbortSignal.any([signal, silence.signal]);
  const quiet = () => silence.abort(unreachable(shown, `no data for ${limits.idle_timeout_ms / 1000} s`));

  let idle = setTimeout(
    () => silence.abort(unreachable(shown, `no response within ${limits.answer_timeout_ms / 1000} s`)),
    limits.answer_timeout_ms,
  );
  try {
    const { stream, total_bytes } = await openAudio(request, shown, either);
    stream.on('error', () => {}); // a source may fail before the pipeline listens, and again afterwards
    const tooLarge = (bytes: number) =>
      new EngineError('audio_too_large', `${shown}: ${bytes} bytes; the limit is ${limits.size_bytes_max}`);
    if (total_bytes !== null && total_bytes > limits.size_bytes_max) {
      stream.destroy();
      throw tooLarge(total_bytes);
    }
    await assertRoom(dirname(path), total_bytes ?? 0, 'the recording').catch((error: unknown) => {
      stream.destroy();
      throw error;
    });

    let received = 0;
    const measured = async function* (source: AsyncIterable<Uint8Array>) {
      for await (const chunk of source) {
        clearTimeout(idle);
        idle = setTimeout(quiet, limits.idle_timeout_ms);
        received += chunk.byteLength;
        if (received > limits.size_bytes_max) throw tooLarge(received);
        yield chunk;
        request.onProgress?.(received, total_bytes);
      }
    };
    clearTimeout(idle);
    idle = setTimeout(quiet, limits.idle_timeout_ms);
    await pipeline(stream, measured, createWriteStream(path), { signal: either });
    if (total_bytes !== null && received < total_bytes) {
      throw unreachable(shown, `the connection ended after ${received} of ${total_bytes} bytes`);
    }
    return { path, file_size_bytes: received };
  } catch (error) {
    signal.throwIfAborted();
    throw asEngineError(silence.signal.aborted ? silence.signal.reason : error, shown);
  } finally {
    clearTimeout(idle);
  }
}

function openAudio(request: FetchAudioRequest, shown: string, signal: AbortSignal): Promise<AudioStream> {
  const url = URL.parse(request.audio_url);
  switch (url?.protocol) {
    case 'https:':
    case 'http:':
      return openHttp(url, { signal, agent: request.https_agent, allow_http: request.allow_http === true });
    case 's3:':
      return openS3(request.audio_url, { signal });
    case 'upload:':
      return openUploaded(request.audio_url, { signal, openUpload: request.openUpload });
    default:
      throw new EngineError('audio_url_invalid', `a worker cannot fetch ${shown}`, {
        hint: 'use https://…, s3://bucket/key, or upload the file and submit the returned URL',
      });
  }
}

/** Contains only the error's code, because messages of HTTP libraries quote the URL with its signature. */
function asEngineError(error: unknown, shown: string): EngineError {
  if (error instanceof EngineError) return error;
  if (isDiskFull(error)) return diskFull(shown, error);
  const code = (error as NodeJS.ErrnoException).code ?? (error as Error).name;
  return unreachable(shown, code);
}
