/**
 * Uploads: audio files stored for clients whose recordings are not in a place that workers can reach. The manifest is
 * written last, so an interrupted upload does not exist. Concurrent uploads are limited, because each holds a part in
 * memory.
 */
import type { Readable } from 'node:stream';
import { MonitorError } from '../../protocol/errors.ts';
import { isId } from '../../protocol/ids.ts';
import { DEFAULT_TENANT } from '../../protocol/tenant-id.ts';
import { formatTime } from '../../protocol/time.ts';
import type { Upload } from '../../protocol/upload.ts';
import { newId } from '../ids.ts';
import type { ObjectStore } from '../objects/store.ts';
import { parseJsonObject, sealFields, unseal } from '../sealed-json.ts';
import { manifestKey, noteKey } from './keys.ts';
import {
  type ByteRange,
  damaged,
  dropParts,
  type Manifest,
  readManifest,
  readParts,
  uploadNotFound,
  writeManifest,
  writeParts,
} from './parts.ts';
import { recordUse, wasStored } from './uses.ts';

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
  /** That of its uploader; null if it belongs to none. */
  tenant?: string | null;
  /** Called once its size is known, before it exists. If this rejects, the upload is not kept. */
  admit?: (upload_id: string, file_size_bytes: number) => Promise<unknown>;
  /** Less than the setting; default: that. */
  bytes_max?: number;
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

  async #create({ stream, file_name, key, tenant = null, bytes_max, admit }: NewUpload): Promise<Upload> {
    const { store, settings, now } = this.#options;
    const upload_id = newId('upload');
    const { part_list, ...size } = await writeParts(
      store,
      upload_id,
      stream,
      Math.min(bytes_max ?? settings.upload_bytes_max, settings.upload_bytes_max),
    );
    let name: string;
    try {
      name = await file_name();
      await admit?.(upload_id, size.file_size_bytes);
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
    await writeManifest(store, upload, { part_list, note: key, tenant });
    if (key === null || (await createNote(store, key, upload))) return upload;
    await store.delete(manifestKey(upload_id));
    await dropParts(store, upload_id, part_list.length);
    const first = await readNote(store, key);
    if (first.sha256 !== upload.sha256 || first.file_name !== name) throw keyReused();
    return first;
  }

  /** Throws MonitorError: `upload_not_found`, `upload_damaged`. */
  open(upload_id: string): Promise<Manifest> {
    return openManifest(this.#options.store, upload_id);
  }

  read(manifest: Manifest, range?: ByteRange): AsyncGenerator<Buffer> {
    return readParts(this.#options.store, manifest, range);
  }

  /**
   * Records that these jobs use the upload, which keeps it. `tenant`: that of who submits them, for whom no upload of
   * others exists; null: it may use all. Throws MonitorError `upload_not_found`.
   */
  async use(upload_id: string, job_ids: readonly string[], tenant: string | null = null): Promise<void> {
    const { store } = this.#options;
    const manifest = await openManifest(store, upload_id);
    if (tenant !== null && tenant !== (manifest.tenant ?? DEFAULT_TENANT)) throw uploadNotFound(upload_id);
    await recordUse(store, upload_id, job_ids);
  }
}

/**
 * An upload with parts that was not removed had a manifest, because its id is not returned before the manifest is
 * written.
 */
async function openManifest(store: ObjectStore, upload_id: string): Promise<Manifest> {
  try {
    return await readManifest(store, upload_id);
  } catch (error) {
    if (error instanceof MonitorError && error.kind === 'not_found' && (await wasStored(store, upload_id))) {
      throw damaged(manifestKey(upload_id), 'missing');
    }
    throw error;
  }
}

/**
 * Records the upload as the first with this Idempotency-Key; false if an earlier one was, whose response may have been
 * lost. Called after the manifest is written, so a note never refers to an incomplete upload.
 */
async function createNote(store: ObjectStore, key: string, upload: Upload): Promise<boolean> {
  return (await store.putIfAbsent(noteKey(key), sealFields({ key, upload }))).created;
}

/**
 * The upload that the note of this key refers to. Throws MonitorError `upload_damaged` if either is damaged or missing.
 */
async function readNote(store: ObjectStore, key: string): Promise<Upload> {
  const note = noteKey(key);
  const got = await store.get(note);
  if (!got.found) {
    // The cleanup has just removed it.
    throw new MonitorError('busy', 'too_many_uploads', 'the first upload with this Idempotency-Key has just expired', {
      hint: 'Send the request again.',
      retry_after_seconds: 1,
    });
  }
  const object = parseJsonObject(got.bytes);
  // Older versions wrote the upload alone, whose own `sha256` is that of the file.
  const sealed = object && 'upload' in object ? unseal<{ key: string; upload: Upload }>(got.bytes, []) : undefined;
  const upload = sealed ? sealed.upload : (object as Upload | null);
  if (!upload || (sealed ? sealed.key !== key : !isUpload(upload))) {
    throw damaged(note, 'damaged', NEW_KEY);
  }
  try {
    await readManifest(store, upload.upload_id);
  } catch (error) {
    if (!(error instanceof MonitorError) || error.kind !== 'not_found') throw error;
    throw damaged(manifestKey(upload.upload_id), 'missing', NEW_KEY);
  }
  return upload;
}

const NEW_KEY = 'Restore that object from a copy of the store, or upload the file with a new Idempotency-Key.';

const isUpload = ({ upload_id, sha256, file_name }: Upload): boolean =>
  isId(upload_id) && /^[0-9a-f]{64}$/.test(sha256) && typeof file_name === 'string';

function keyReused(): MonitorError {
  return new MonitorError('conflict', 'idempotency_key_reused', 'this Idempotency-Key was used for another upload', {
    hint: 'Use a new key for a new upload, and the same key only to send the same upload again.',
  });
}
