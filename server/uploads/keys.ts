/**
 * The keys of uploads:
 *
 *     uploads/{upload_id}/manifest.json         written last; without it the upload does not exist
 *     uploads/{upload_id}/{part}.part           six digits, from 000001
 *     uploads/{upload_id}/uses/{number}.json    the jobs that use it, six digits, from 000001; see uses.ts
 *     uploads/keys/{key}.json                   the upload made with an Idempotency-Key; {key} is its hash
 */
export const UPLOADS_PREFIX = 'uploads/';

const numbered = (number: number): string => String(number).padStart(6, '0');

export const manifestKey = (upload_id: string): string => `uploads/${upload_id}/manifest.json`;
export const partKey = (upload_id: string, part: number): string => `uploads/${upload_id}/${numbered(part)}.part`;
export const usesPrefix = (upload_id: string): string => `uploads/${upload_id}/uses/`;
export const useKey = (upload_id: string, number: number): string => `${usesPrefix(upload_id)}${numbered(number)}.json`;
export const noteKey = (key: string): string => `uploads/keys/${key}.json`;

export type UploadKey = { what: 'manifest' | 'part' | 'use'; upload_id: string; number: number } | { what: 'note' };

const OF_UPLOAD = /^uploads\/([^/]+)\/(?:(manifest)\.json|(\d{6,})\.part|uses\/(\d{6,})\.json)$/;
const NOTE = /^uploads\/keys\/[^/]+\.json$/;

/** Returns undefined for any other key. */
export function parseUploadKey(key: string): UploadKey | undefined {
  if (NOTE.test(key)) return { what: 'note' };
  const [, upload_id, manifest, part, use] = OF_UPLOAD.exec(key) ?? [];
  if (upload_id === undefined) return undefined;
  if (manifest !== undefined) return { what: 'manifest', upload_id, number: 0 };
  return part === undefined
    ? { what: 'use', upload_id, number: Number(use) }
    : { what: 'part', upload_id, number: Number(part) };
}
