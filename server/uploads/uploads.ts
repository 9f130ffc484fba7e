/**
 * Uploads: audio files stored for clients whose recordings are not in a place that workers can reach. The manifest is
 * written last, so an interrupted upload does not exist. Concurrent uploads are limited, because each holds a part in
 * memory.
 */
import type { Readable } from 'node:stream';
import { MonitorError } from '../../protocol/errors.ts';
import { formatTime } from '../../protocol/time.ts';
import type { Upload } from '../../protocol/upload.ts';
import { newId } from '../ids.ts';
import type { ObjectStore } from '../objects/store.ts';
import { manifestKey, noteKey } from './keys.ts';
import {
  type ByteRange,
  dropParts,
  type Manifest,
  readManifest,
  readParts,
  writeManifest,
  writeParts,
} from './parts.ts';
import { recordUse } from './uses.ts';

export type UploadsOptions = {
  store: ObjectStore;
  settings: { upload_bytes_max: number; uploads_at_once: number };
  /** Log time. */
  now: () => number;
};

export type NewUpload = {
  stream: Readable;
  /** Called once the stream has ended: a form may name the file after its bytes. */
  file_name: () => Promise<string>;
  /** Its Idempotency-Key as stored; null without one. See `requestKey`. */
  key: string | null;
};

export class Uploads {
  readonly #options: UploadsOptions;
  #under_way = 0;

  constructor(options: UploadsOptions) {
    this.#options = options;
  }

  /** Throws MonitorError: `too_many_uploads`, `upload_too_large`, `audio_empty`, `idempotency_key_reused`. */
  async create(upload: NewUpload): Promise<Upload> {
    const { uploads_at_once } = this.#options.settings;
    if (this.#under_way >= uploads_at_once) {
      upload.stream.resume();
      throw new MonitorError('busy', 'too_many_uploads', `${uploads_at_once} uploads are under way`, {
        hint: 'Send the request again in a moment.',
        retry_after_seconds: 1,
      });
    }
    this.#under_way += 1;
    try {
      return await this.#create(upload);
    } finally {
      this.#under_way -= 1;
    }
  }

  async #create({ stream, file_name, key }: NewUpload): Promise<Upload> {
    const { store, settings, now } = this.#options;
    const upload_id = newId('upload');
    const { part_list, ...size } = await writeParts(store, upload_id, stream, settings.upload_bytes_max);
    let name: string;
    try {
      name = await file_name();
    } catch (error) {
      await dropParts(store, upload_id, part_list.length);
      throw error;
    }
    const upload = {
      upload_id,
      audio_url: `upload://${upload_id}/${encodeURIComponent(name.replaceAll('/', '_')) || 'audio'}`,
      file_name: name,
      ...size,
      created_at: formatTime(now()),
    };
    await writeManifest(store, upload, part_list);
    const first = await firstWithKey(store, key, upload);
    if (first.upload_id !== upload_id) {
      await store.delete(manifestKey(upload_id));
      await dropParts(store, upload_id, part_list.length);
      if (first.sha256 !== upload.sha256 || first.file_name !== name) throw keyReused();
    }
    return first;
  }

  /** Throws MonitorError: `upload_not_found`, `upload_damaged`. */
  open(upload_id: string): Promise<Manifest> {
    return readManifest(this.#options.store, upload_id);
  }

  read(manifest: Manifest, range?: ByteRange): AsyncGenerator<Buffer> {
    return readParts(this.#options.store, manifest, range);
  }

  /** Records that these jobs use the upload, which keeps it. Throws MonitorError `upload_not_found`. */
  async use(upload_id: string, job_ids: readonly string[]): Promise<void> {
    const { store } = this.#options;
    await readManifest(store, upload_id);
    await recordUse(store, upload_id, job_ids);
  }
}

/**
 * Returns the first upload with this Idempotency-Key: this one, or an earlier one whose response was lost. The note is
 * written after the manifest, so it never refers to an incomplete upload.
 */
async function firstWithKey(store: ObjectStore, key: string | null, upload: Upload): Promise<Upload> {
  if (key === null) return upload;
  const note = noteKey(key);
  if ((await store.putIfAbsent(note, Buffer.from(`${JSON.stringify(upload)}\n`))).created) return upload;
  const there = await store.get(note);
  return there.found ? (JSON.parse(Buffer.from(there.bytes).toString()) as Upload) : upload;
}

function keyReused(): MonitorError {
  return new MonitorError('conflict', 'idempotency_key_reused', 'this Idempotency-Key was used for another upload', {
    hint: 'Use a new key for a new upload, and the same key only to send the same upload again.',
  });
}
