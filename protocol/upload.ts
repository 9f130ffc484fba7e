/** An audio file uploaded to the monitor, for recordings that are not on storage the workers can reach. */
import { type Static, Type } from 'typebox';
import { Id } from './ids.ts';
import { Count, Time } from './schema.ts';

export const Upload = Type.Object(
  {
    upload_id: Id,
    audio_url: Type.String({ description: 'Submit this: `upload://upload-01…/name.wav`.' }),
    file_name: Type.String(),
    file_size_bytes: Count('Size, bytes.'),
    sha256: Type.String({ description: 'SHA-256 of the bytes, hex.' }),
    created_at: Time('When it was received.'),
  },
  { $id: 'Upload' },
);
export type Upload = Static<typeof Upload>;
