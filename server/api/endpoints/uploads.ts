/**
 * Uploads: audio streamed into the store in parts of 4 MiB, so that a file of any size passes through little memory and
 * every store can keep it. The manifest is written last: an upload that broke off is no upload.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { Type } from 'typebox';
import { MonitorError } from '../../../protocol/errors.ts';
import { Id } from '../../../protocol/ids.ts';
import { closed } from '../../../protocol/schema.ts';
import { formatTime } from '../../../protocol/time.ts';
import { Upload } from '../../../protocol/upload.ts';
import { newId } from '../../ids.ts';
import type { ObjectStore } from '../../objects/store.ts';
import type { ApiContext } from '../context.ts';
import { httpEndpoint } from '../endpoint.ts';
import { requestKey } from './command.ts';

const PART_BYTES = 4 * 1024 * 1024;

const manifestKey = (upload_id: string): string => `uploads/${upload_id}/manifest.json`;
const partKey = (upload_id: string, part: number): string =>
  `uploads/${upload_id}/${String(part).padStart(6, '0')}.part`;

/** By its Idempotency-Key, hashed. */
const noteKey = (key: string): string => `uploads/keys/${key}.json`;

const bytesOf = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

type Manifest = { upload: Upload; parts: number };

export const uploadEndpoints = [
  httpEndpoint({
    method: 'POST',
    path: '/uploads',
    operation: 'uploads.create',
    summary: 'Upload an audio file; submit the audio_url that this answers',
    query: Type.Object(
      { name: Type.Optional(Type.String({ maxLength: 255, description: 'File name, for people.' })) },
      closed,
    ),
    consumes: ['*/*'],
    answers: { 201: Upload },
    async run({ store, settings, engine }, { query, body, caller, reply, http: { request } }) {
      const upload_id = newId('upload');
      const stream = body instanceof Readable ? body : Readable.from([]);
      const bytes_max = settings.upload_bytes_max;
      if (Number(request.headers['content-length']) > bytes_max) throw tooLarge(bytes_max);
      const { file_size_bytes, sha256, parts } = await keepParts(store, upload_id, stream, bytes_max);
      const file_name = query.name ?? 'audio';
      const upload = {
        upload_id,
        audio_url: `upload://${upload_id}/${encodeURIComponent(file_name.replaceAll('/', '_')) || 'audio'}`,
        file_name,
        file_size_bytes,
        sha256,
        created_at: formatTime(engine.journal.now()),
      };
      await store.putIfAbsent(manifestKey(upload_id), bytesOf({ upload, parts }));
      const first = await firstWithKey(store, requestKey(caller), upload);
      if (first.upload_id !== upload_id) {
        await store.delete(manifestKey(upload_id));
        await dropParts(store, upload_id, parts);
        if (first.sha256 !== sha256 || first.file_name !== file_name) throw keyReused();
      }
      reply.code(201).header('location', `/api/v1/uploads/${first.upload_id}`);
      return first;
    },
  }),
  httpEndpoint({
    method: 'GET',
    path: '/uploads/:upload_id',
    operation: 'uploads.open',
    summary: 'The bytes of an upload',
    params: Type.Object({ upload_id: Id }),
    answers: { 200: Type.String() },
    async run({ store }: ApiContext, { params, http: { reply } }) {
      const { upload_id } = params;
      const { upload, parts } = await readManifest(store, upload_id);
      reply.type('application/octet-stream').header('content-length', upload.file_size_bytes);
      return reply.send(Readable.from(readParts(store, upload_id, parts)));
    },
  }),
];

async function keepParts(store: ObjectStore, upload_id: string, stream: Readable, bytes_max: number) {
  const hash = createHash('sha256');
  let file_size_bytes = 0;
  let parts = 0;
  let pending: Buffer[] = [];
  let pending_bytes = 0;
  const flush = async () => {
    if (pending_bytes === 0) return;
    parts += 1;
    await store.putIfAbsent(partKey(upload_id, parts), Buffer.concat(pending));
    pending = [];
    pending_bytes = 0;
  };
  try {
    // The request must outlive a refusal, or its sender sees a broken connection and no reason.
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      const bytes = chunk as Buffer;
      file_size_bytes += bytes.length;
      if (file_size_bytes > bytes_max) throw tooLarge(bytes_max);
      hash.update(bytes);
      pending.push(bytes);
      pending_bytes += bytes.length;
      if (pending_bytes >= PART_BYTES) await flush();
    }
    await flush();
  } catch (error) {
    stream.resume();
    await dropParts(store, upload_id, parts);
    throw error;
  }
  if (file_size_bytes === 0) {
    throw new MonitorError('invalid', 'audio_empty', 'the upload has no bytes', {
      hint: 'Send the file as the body of the request.',
    });
  }
  return { file_size_bytes, sha256: hash.digest('hex'), parts };
}

/**
 * The upload that came first with this Idempotency-Key: this one, or one before it whose answer was lost. The note of it
 * is written after its manifest, so that it never leads to half an upload.
 */
async function firstWithKey(store: ObjectStore, key: string | null, upload: Upload): Promise<Upload> {
  if (key === null) return upload;
  const note = noteKey(key);
  if ((await store.putIfAbsent(note, bytesOf(upload))).created) return upload;
  const there = await store.get(note);
  return there.found ? (JSON.parse(Buffer.from(there.bytes).toString()) as Upload) : upload;
}

async function dropParts(store: ObjectStore, upload_id: string, parts: number): Promise<void> {
  for (let part = 1; part <= parts; part++) await store.delete(partKey(upload_id, part)).catch(() => undefined);
}

function tooLarge(bytes_max: number): MonitorError {
  return new MonitorError('too_large', 'upload_too_large', `the file is larger than ${bytes_max} bytes`, {
    hint: 'Put it into a bucket and submit its s3:// or https:// URL, or raise --upload-bytes-max.',
  });
}

function keyReused(): MonitorError {
  return new MonitorError('conflict', 'idempotency_key_reused', 'this Idempotency-Key was used for another upload', {
    hint: 'Use a new key for a new upload, and the same key only to send the same one again.',
  });
}

async function readManifest(store: ObjectStore, upload_id: string): Promise<Manifest> {
  const got = await store.get(manifestKey(upload_id));
  if (!got.found) throw new MonitorError('not_found', 'upload_not_found', `there is no upload ${upload_id}`);
  return JSON.parse(Buffer.from(got.bytes).toString()) as Manifest;
}

async function* readParts(store: ObjectStore, upload_id: string, parts: number): AsyncGenerator<Uint8Array> {
  for (let part = 1; part <= parts; part++) {
    const got = await store.get(partKey(upload_id, part));
    if (!got.found) throw new MonitorError('corrupt', 'upload_damaged', `part ${part} of ${upload_id} is missing`);
    yield got.bytes;
  }
}
