/** Links: URLs that open one transcript, or take one upload, without a key. */
import { type Static, Type } from 'typebox';
import { Id } from './ids.ts';
import { OUTPUT_FORMATS } from './job.ts';
import { Count, closed, Nullable, Time, Words } from './schema.ts';

const Expiry = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: 7 * 86_400,
    description: 'How long it counts, at most seven days. Default: 86400, a day.',
  }),
);

export const TranscriptLinkRequest = Type.Object(
  {
    for: Words(['transcript'], 'What it opens.'),
    format: Type.Optional(Words(OUTPUT_FORMATS, "Default: the job's output_format.")),
    expires_in_seconds: Expiry,
  },
  { ...closed, $id: 'TranscriptLinkRequest' },
);
export type TranscriptLinkRequest = Static<typeof TranscriptLinkRequest>;

export const UploadLinkRequest = Type.Object(
  {
    bytes_max: Type.Optional(
      Type.Integer({ minimum: 1, description: 'Maximum size of the file, bytes. Default: that of the monitor.' }),
    ),
    expires_in_seconds: Expiry,
  },
  { ...closed, $id: 'UploadLinkRequest' },
);
export type UploadLinkRequest = Static<typeof UploadLinkRequest>;

export const Link = Type.Object(
  {
    link_id: Type.String({ description: 'Revokes it: `DELETE /links/{link_id}`.' }),
    kind: Words(['transcript', 'upload'], '`GET` opens a transcript; `POST` takes the bytes of one upload.'),
    url: Type.String({ description: 'With its secret, which is shown only now: whoever has it needs no key.' }),
    job_id: Nullable(Id),
    bytes_max: Nullable(Count('Of an upload, bytes.')),
    expires_at: Time('Until then it counts, unless it is revoked, or its key ends before.'),
  },
  { $id: 'Link' },
);
export type Link = Static<typeof Link>;

export const EndedLink = Type.Object({ link_id: Type.String(), revoked: Type.Boolean() }, { $id: 'EndedLink' });
export type EndedLink = Static<typeof EndedLink>;
