/**
 * The bytes of an upload, in parts of 4 MiB: a file of any size needs little memory and fits in every store. The
 * manifest has the size and hash of each part, so damage is detected before any byte of the part is sent.
 */
import { createHash, hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { MonitorError } from '../../protocol/errors.ts';
import type { Upload } from '../../protocol/upload.ts';
import type { ObjectStore } from '../objects/store.ts';
import { seal, unseal } from '../sealed-json.ts';
import { manifestKey, partKey } from './keys.ts';

export const PART_BYTES = 4 * 1024 * 1024;

export type Part = { size_bytes: number; sha256: string };

/**
 * `part_list`, `note` (the Idempotency-Key as stored) and `tenant` (that of its uploader; absent: the default) are missing from
 * manifests of older versions.
 */
export type Manifest = { upload: Upload; parts: number; part_list?: Part[]; note?: string; tenant?: string };

const FIELDS_BEFORE = ['upload', 'parts'];

export type WrittenParts = { file_size_bytes: number; sha256: string; part_list: Part[] };

/** Stores the stream. On failure, deletes the parts written so far and discards the rest of the stream. */
export async function writeParts(
  store: ObjectStore,
  upload_id: string,
  stream: Readable,
  bytes_max: number,
): Promise<WrittenParts> {
  const whole = createHash('sha256');
  const part_list: Part[] = [];
  let file_size_bytes = 0;
  let pending: Buffer[] = [];
  let pending_bytes = 0;
  const flush = async () => {
    const bytes = pending.length === 1 ? pending[0]! : Buffer.concat(pending);
    pending = [];
    pending_bytes = 0;
    part_list.push({ size_bytes: bytes.length, sha256: hash('sha256', bytes) });
    await store.putIfAbsent(partKey(upload_id, part_list.length), bytes);
  };
  try {
    // If a refusal destroyed the request, the client would see a broken connection instead of the error.
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      let bytes = chunk as Buffer;
      file_size_bytes += bytes.length;
      if (file_size_bytes > bytes_max) throw tooLarge(bytes_max);
      whole.update(bytes);
      while (pending_bytes + bytes.length >= PART_BYTES) {
        const room = PART_BYTES - pending_bytes;
        pending.push(bytes.subarray(0, room));
        bytes = bytes.subarray(room);
        await flush();
      }
      if (bytes.length > 0) pending.push(bytes);
      pending_bytes += bytes.length;
    }
    if (pending_bytes > 0) await flush();
    if (file_size_bytes === 0) {
      throw new MonitorError('invalid', 'audio_empty', 'the upload has no bytes', {
        hint: 'Send the file as the body of the request.',
      });
    }
  } catch (error) {
    stream.resume();
    await dropParts(store, upload_id, part_list.length);
    throw error;
  }
  return { file_size_bytes, sha256: whole.digest('hex'), part_list };
}

export async function dropParts(store: ObjectStore, upload_id: string, parts: number): Promise<void> {
  for (let part = 1; part <= parts; part++) await store.delete(partKey(upload_id, part)).catch(() => undefined);
}

export async function writeManifest(
  store: ObjectStore,
  upload: Upload,
  { part_list, note, tenant }: { part_list: Part[]; note: string | null; tenant: string | null },
): Promise<void> {
  const manifest: Manifest = {
    upload,
    parts: part_list.length,
    part_list,
    ...(note === null ? {} : { note }),
    ...(tenant === null ? {} : { tenant }),
  };
  await store.putIfAbsent(manifestKey(upload.upload_id), seal(manifest));
}

export const uploadNotFound = (upload_id: string) =>
  new MonitorError('not_found', 'upload_not_found', `there is no upload ${upload_id}`, {
    hint: 'Upload the file with POST /api/v1/uploads, and use the audio_url of the response.',
  });

/** Throws MonitorError: `upload_not_found`, `upload_damaged`. */
export async function readManifest(store: ObjectStore, upload_id: string): Promise<Manifest> {
  const key = manifestKey(upload_id);
  const got = await store.get(key);
  if (!got.found) throw uploadNotFound(upload_id);
  const manifest = unseal<Manifest>(got.bytes, FIELDS_BEFORE);
  if (manifest?.upload?.upload_id !== upload_id) throw damaged(key, 'damaged');
  return manifest;
}

/** `first` and `last` byte. */
export type ByteRange = { first: number; last: number };

/**
 * Yields the bytes of the range, or all. Verifies each part before yielding it; throws MonitorError `upload_damaged`.
 */
export async function* readParts(
  store: ObjectStore,
  { upload, parts, part_list }: Manifest,
  range?: ByteRange,
): AsyncGenerator<Buffer> {
  // Without hashes of parts, the last part is held back until the size and the hash of the file have been verified.
  const whole = part_list ? undefined : createHash('sha256');
  const inconsistent = () => damaged(manifestKey(upload.upload_id), 'damaged, or one of its parts is');
  if (!(parts >= 1)) throw inconsistent();
  let at = 0;
  for (let part = 1; part <= parts; part++) {
    const key = partKey(upload.upload_id, part);
    const known = part_list?.[part - 1];
    if (known && range && (at + known.size_bytes <= range.first || at > range.last)) {
      at += known.size_bytes;
      continue;
    }
    const got = await store.get(key);
    if (!got.found) throw damaged(key, 'missing');
    const bytes = Buffer.from(got.bytes.buffer, got.bytes.byteOffset, got.bytes.byteLength);
    if (known && (known.size_bytes !== bytes.length || hash('sha256', bytes) !== known.sha256)) {
      throw damaged(key, 'damaged');
    }
    whole?.update(bytes);
    if (whole && part === parts) {
      const sound = at + bytes.length === upload.file_size_bytes && whole.digest('hex') === upload.sha256;
      if (!sound) throw inconsistent();
    }
    yield range ? bytes.subarray(Math.max(0, range.first - at), range.last + 1 - at) : bytes;
    at += bytes.length;
  }
}

export function tooLarge(bytes_max: number): MonitorError {
  return new MonitorError('too_large', 'upload_too_large', `the file is larger than ${bytes_max} bytes`, {
    hint: 'Put it into a bucket and submit its s3:// or https:// URL, or raise --upload-bytes-max.',
  });
}

export function damaged(
  key: string,
  how: string,
  hint = 'Restore that object from a copy of the store, or upload the file again.',
): MonitorError {
  return new MonitorError('corrupt', 'upload_damaged', `${key} is ${how}`, { extra: { key }, hint });
}
