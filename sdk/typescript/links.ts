/** `api.links`: URLs that open one transcript, or take one upload, without a key. */
import type { EndedLink } from '../../protocol/link.ts';
import type { Upload } from '../../protocol/upload.ts';
import { type CallOptions, segment, type Transport } from './transport.ts';
import type { UploadFile } from './uploads.ts';

export class Links {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Revokes a link that was made with this key; with an admin key, any. */
  revoke(linkId: string, options: CallOptions = {}): Promise<EndedLink> {
    return this.#transport.json({ method: 'DELETE', path: `/links/${segment(linkId)}`, ...options });
  }

  /** The transcript that a link opens, in the format that it was made for. Takes the `url` of the link. */
  open(url: string, options: CallOptions = {}): Promise<string> {
    return this.#transport.text({ method: 'GET', path: pathOf(url), ...options });
  }

  /** Uploads a file with a link, once. Takes the `url` of the link. */
  upload(url: string, file: UploadFile, options: CallOptions = {}): Promise<Upload> {
    const body = 'body' in file ? file.body : file;
    return this.#transport.json({
      method: 'POST',
      path: pathOf(url),
      query: { name: file.name },
      raw: { body, type: file.type || 'application/octet-stream' },
      timeoutMs: 0,
      ...options,
    });
  }
}

const pathOf = (url: string): string => `/links/${segment(url.slice(url.lastIndexOf('/') + 1))}`;
