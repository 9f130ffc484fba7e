/** `api.uploads`: audio files uploaded to the monitor, for recordings that are not on storage the workers can reach. */
import type { Link, UploadLinkRequest } from '../../protocol/link.ts';
import type { Upload } from '../../protocol/upload.ts';
import { type CallOptions, type RawBody, segment, type Transport } from './transport.ts';

/** A `File` of a browser or of Node, or bytes with a name. A Blob (`fs.openAsBlob`) is streamed, not read into memory. */
export type UploadFile = (Blob & { readonly name: string }) | { name: string; body: RawBody; type?: string };

export type UploadProgress = {
  /** Begins again at 0 when the upload is retried. */
  sentBytes: number;
  totalBytes: number;
  /** 0 to 100; 100 while the monitor has not confirmed the upload yet. */
  percentage: number;
};

export type UploadOptions = CallOptions & {
  /** Is called while the bytes are sent. */
  onProgress?: ((progress: UploadProgress) => void) | undefined;
};

export class Uploads {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Stores the recording; submit the returned `audio_url`. */
  create(file: UploadFile, { onProgress, ...options }: UploadOptions = {}): Promise<Upload> {
    const { name } = file;
    const body = 'body' in file ? file.body : file;
    return this.#transport.json({
      method: 'POST',
      path: '/uploads',
      query: { name },
      raw: {
        body,
        type: file.type || 'application/octet-stream',
        onSent: onProgress && ((sent) => onProgress(progressOf(sent, sizeOf(body)))),
      },
      timeoutMs: 0,
      ...options,
    });
  }

  /** A link that takes one upload without a key, for at most seven days. */
  createLink(request: UploadLinkRequest = {}, options: CallOptions = {}): Promise<Link> {
    return this.#transport.json({ method: 'POST', path: '/uploads/links', body: request, ...options });
  }

  /** The bytes as a stream. Takes an upload's id or its `audio_url`. */
  async open(
    upload: string,
    options: CallOptions = {},
  ): Promise<{ body: ReadableStream<Uint8Array>; sizeBytes: number | null }> {
    const uploadId = /^upload:\/\/([^/]+)\//.exec(upload)?.[1] ?? upload;
    const response = await this.#transport.open({ method: 'GET', path: `/uploads/${segment(uploadId)}`, ...options });
    const length = response.headers.get('content-length');
    return {
      body: response.body ?? new Blob([]).stream(),
      sizeBytes: length === null ? null : Number(length),
    };
  }
}

function progressOf(sentBytes: number, totalBytes: number): UploadProgress {
  // What XMLHttpRequest counts may include more than the body.
  const sent = Math.min(sentBytes, totalBytes);
  return { sentBytes: sent, totalBytes, percentage: totalBytes === 0 ? 100 : (100 * sent) / totalBytes };
}

function sizeOf(body: RawBody): number {
  if (body instanceof Blob) return body.size;
  return typeof body === 'string' ? new TextEncoder().encode(body).byteLength : body.byteLength;
}
