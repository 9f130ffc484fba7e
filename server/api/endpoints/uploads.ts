/** Uploads over HTTP: a file in the body or in a form, streamed in; streamed out, whole or as a range. */
import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { MonitorError } from '../../../protocol/errors.ts';
import { Id } from '../../../protocol/ids.ts';
import { closed } from '../../../protocol/schema.ts';
import { Upload } from '../../../protocol/upload.ts';
import { tooLarge, uploadNotFound } from '../../uploads/parts.ts';
import { jobsUsing } from '../../uploads/uses.ts';
import type { Caller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { httpEndpoint } from '../endpoint.ts';
import { logFault } from '../errors.ts';
import { notModified } from '../etag.ts';
import { beginRange } from '../http/byte-range.ts';
import { type FormFields, type FormOptions, isMultipart, readForm } from '../http/multipart.ts';
import { requestKey } from './command.ts';
import { findJob } from './find-job.ts';
import { assertUploadQuota, countedBy } from './upload-quota.ts';

const NAME_CHARACTERS_MAX = 255;
const UPLOAD_FORM: FormOptions = {
  allowed: (name) => name === 'name',
  field_bytes_max: 1024,
  fields_max: 1,
  hint: 'Send one file part and optionally a field "name", or send the file itself as the request body.',
};

export const NAMED = Type.Object(
  { name: Type.Optional(Type.String({ maxLength: NAME_CHARACTERS_MAX, description: 'File name, for people.' })) },
  closed,
);

export const uploadEndpoints = [
  httpEndpoint({
    method: 'POST',
    path: '/uploads',
    operation: 'uploads.create',
    permission: 'submit',
    summary: 'Upload an audio file, as the body or in a multipart form, and submit the returned audio_url',
    query: NAMED,
    consumes: ['*/*'],
    responses: { 201: Upload },
    busy: true,
    async run(context, { query, body, caller, reply, http: { request } }) {
      const bytes_max = context.settings.upload_bytes_max;
      const upload = await receiveUpload(context, { query, body, caller, request, bytes_max });
      reply.code(201).header('location', `/api/v1/uploads/${upload.upload_id}`);
      return upload;
    },
  }),
  httpEndpoint({
    method: 'GET',
    path: '/uploads/:upload_id',
    operation: 'uploads.open',
    permission: 'audio',
    summary: 'Get the bytes of an upload, or a range',
    params: Type.Object({ upload_id: Id }),
    responses: { 200: Type.String(), 206: Type.String() },
    produces: ['application/octet-stream'],
    etag: true,
    async run(context, { params, caller, http: { request, reply } }) {
      const { uploads, log } = context;
      await assertVisible(context, caller, params.upload_id);
      const manifest = await uploads.open(params.upload_id);
      const { file_size_bytes, sha256 } = manifest.upload;
      const unchanged = notModified(caller, reply, sha256);
      if (unchanged) return unchanged;
      // Manifests of older versions do not have the sizes of parts, which a range needs.
      const ranges = manifest.part_list !== undefined;
      reply.type('application/octet-stream').header('accept-ranges', 'none');
      const ranged = { size_bytes: file_size_bytes, etag: sha256, what: 'the upload' };
      const range = ranges ? beginRange(request, reply, ranged) : undefined;
      const length = range ? range.last - range.first + 1 : file_size_bytes;
      if (request.method === 'HEAD') return reply.header('content-length', length).send(Readable.from([]));
      const parts = uploads.read(manifest, range);
      // Read the first part before sending anything, so that damage can still be reported in the response.
      const { value: first_bytes } = await parts.next();
      reply.header('content-length', length);
      const rest = async function* () {
        if (first_bytes) yield first_bytes;
        try {
          yield* parts;
        } catch (error) {
          if (error instanceof MonitorError) logFault(error, `${request.method} ${request.url} (${request.id})`, log);
          throw error;
        }
      };
      return reply.send(Readable.from(rest(), { objectMode: false }));
    },
  }),
];

/** The field `name`, else the file name of the part. Throws MonitorError `invalid_form`. */
function nameIn(form: FormFields | null): string | undefined {
  const name = form?.fields[0]?.[1];
  if (name === undefined || name.length <= NAME_CHARACTERS_MAX) return name ?? form?.file_name;
  throw new MonitorError('invalid', 'invalid_form', `its field name is longer than ${NAME_CHARACTERS_MAX}`, {
    hint: UPLOAD_FORM.hint,
  });
}

/** A narrowed key reads the recordings of the jobs that it sees. Throws MonitorError `upload_not_found`. */
async function assertVisible(context: ApiContext, { subject }: Caller, upload_id: string): Promise<void> {
  if (subject.scope === null) return;
  for await (const job_id of jobsUsing(context.store, upload_id)) {
    const visible = await findJob(context, subject, job_id).catch(() => null);
    if (visible) return;
  }
  throw uploadNotFound(upload_id);
}

type Receiving = {
  query: { name?: string };
  body: unknown;
  caller: Caller;
  request: FastifyRequest;
  bytes_max: number;
  /** Called once all bytes are there; what it throws refuses the upload. */
  accept?: () => Promise<void>;
};

/** Stores the body, or the file of a form, for the caller. Throws MonitorError. */
export async function receiveUpload(
  context: ApiContext,
  { query, body, caller, request, bytes_max, accept }: Receiving,
): Promise<Upload> {
  const { tenant } = caller.subject;
  const key = accept ? null : requestKey(caller);
  const sent = body instanceof Readable ? body : Readable.from([]);
  const form = isMultipart(request.headers['content-type']);
  // A form is slightly larger than its file.
  const length = form ? 0 : Number(request.headers['content-length'] ?? 0);
  if (length > bytes_max) throw tooLarge(bytes_max);
  // A repetition of an upload that has been counted is not refused.
  if (key === null) assertUploadQuota(context, caller.subject, Math.max(1, length));
  const { stream, rest } = form ? await readForm(sent, request.headers, UPLOAD_FORM) : { stream: sent, rest: null };
  const file_name = async () => {
    const sent_name = await rest;
    await accept?.();
    return query.name ?? nameIn(sent_name) ?? 'audio';
  };
  return context.uploads.create({ stream, file_name, key, bytes_max, tenant, admit: countedBy(context, caller) });
}
