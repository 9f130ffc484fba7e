/** `api.uploads`: audio files uploaded to the monitor, for recordings that are not on storage the workers can reach. */
import type { Upload } from '../../protocol/upload.ts';
import { type CallOptions, type RawBody, segment, type Transport } from './transport.ts';

export class Uploads {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Stores the bytes; submit the returned `audio_url`. A file as a Blob (`fs.openAsBlob`) is streamed, not read into
   * memory.
   */
  create(file: { name: string; body: RawBody; type?: string }, options: CallOptions = {}): Promise<Upload> {
    return this.#transport.json({
      method: 'POST',
      path: '/uploads',
      query: { name: file.name },
      raw: { body: file.body, type: file.type ?? 'application/octet-stream' },
      timeoutMs: 0,
      ...options,
    });
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
