/**
 * Links: a URL that opens one transcript, or takes one upload, without a key. Each is a pass in the fold, so it counts on
 * every instance, ends with its key and can be revoked. Its secret is in its path: whoever has the URL needs nothing else.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { MonitorError } from '../../../protocol/errors.ts';
import { OUTPUT_FORMATS, type OutputFormat } from '../../../protocol/job.ts';
import { EndedLink, Link, TranscriptLinkRequest, UploadLinkRequest } from '../../../protocol/link.ts';
import { formatTime } from '../../../protocol/time.ts';
import { TRANSCRIPT_MEDIA_TYPES } from '../../../protocol/transcript.ts';
import { Upload } from '../../../protocol/upload.ts';
import type { Subject } from '../../access/subject.ts';
import { Refused } from '../../engine.ts';
import type { PassRecord } from '../../state-machine/state/passes.ts';
import { transcriptKey } from '../../transcripts/keys.ts';
import { type Caller, callerAs } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { endpoint, httpEndpoint } from '../endpoint.ts';
import { sendBytes } from '../http/byte-range.ts';
import { freshCommandOf } from './command.ts';
import { findJob } from './find-job.ts';
import { type Issued, issuePass } from './issue-pass.ts';
import { JobParams } from './jobs.ts';
import { readTranscript, TRANSCRIPT_TYPES } from './transcripts.ts';
import { NAMED, receiveUpload } from './uploads.ts';

const DAY_SECONDS = 86_400;
const LinkParams = Type.Object({ link: Type.String({ maxLength: 100, description: 'Of the `url` of a link.' }) });

export const linkEndpoints = [
  httpEndpoint({
    method: 'POST',
    path: '/jobs/:job_id/links',
    operation: 'jobs.createLink',
    permission: 'read',
    summary: 'Create a link that opens the transcript of this job without a key, for at most seven days',
    params: JobParams,
    body: TranscriptLinkRequest,
    responses: { 201: Link },
    async run(context, { params, body, caller, reply, http: { request } }) {
      const { job_id, output_format } = await findJob(context, caller.subject, params.job_id);
      const issued = await issuePass(context, caller, {
        kind: 'transcript',
        lifetime_ms: (body.expires_in_seconds ?? DAY_SECONDS) * 1000,
        job_id,
        limits: { format: body.format ?? output_format },
      });
      reply.code(201);
      return linkOf(request, issued, { kind: 'transcript', job_id, bytes_max: null });
    },
  }),
  httpEndpoint({
    method: 'POST',
    path: '/uploads/links',
    operation: 'uploads.createLink',
    permission: 'submit',
    summary: 'Create a link that takes one upload without a key, for at most seven days',
    body: Type.Union([UploadLinkRequest, Type.Null()]),
    responses: { 201: Link },
    async run(context, { body, caller, reply, http: { request } }) {
      const bytes_max = Math.min(body?.bytes_max ?? Number.POSITIVE_INFINITY, context.settings.upload_bytes_max);
      const issued = await issuePass(context, caller, {
        kind: 'upload',
        lifetime_ms: (body?.expires_in_seconds ?? DAY_SECONDS) * 1000,
        limits: { bytes_max },
      });
      reply.code(201);
      return linkOf(request, issued, { kind: 'upload', job_id: null, bytes_max });
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/links/:link',
    operation: 'links.revoke',
    permission: 'any',
    summary: 'Revoke a link that was made with this key; with an admin key, any',
    // One name for all methods: a path of the API document has one.
    params: Type.Object({ link: Type.String({ pattern: '^[0-9A-Za-z_-]{1,100}$', description: 'Its `link_id`.' }) }),
    responses: { 200: EndedLink },
    async run(context, { params: { link: link_id }, caller }) {
      const pass = context.engine.state.tables.passes.get(link_id);
      const { subject } = caller;
      const own = pass?.key_id != null && pass.key_id === subject.key?.id;
      if (!pass || !isLink(pass) || !(own || subject.permissions.has('admin'))) throw linkNotFound();
      await context.engine.submit(freshCommandOf(caller, { type: 'end_pass', pass_id: link_id, once: false }));
      return { link_id, revoked: true };
    },
  }),
  httpEndpoint({
    method: 'GET',
    path: '/links/:link',
    operation: 'links.open',
    permission: 'optional',
    summary: 'Get the transcript of a link, without a key',
    params: LinkParams,
    responses: { 200: Type.String(), 206: Type.String() },
    produces: TRANSCRIPT_TYPES,
    etag: true,
    async run(context, { params, caller, http }) {
      const { record, subject } = await opened(context, params.link, 'transcript');
      const { job_id, limits } = record;
      const job = await findJob(context, { scope: subject.scope }, job_id!).catch(hidden);
      const format = formatOf(limits?.format) ?? job.output_format;
      const rendering = await readTranscript(context, job, format);
      const file = transcriptKey(job.job_id, format).replace('transcripts/', '');
      unshared(http.reply).header('content-disposition', `attachment; filename="${file}"`);
      const type = TRANSCRIPT_MEDIA_TYPES[format];
      return sendBytes(http, { ...rendering, type, what: 'the transcript', caller });
    },
  }),
  httpEndpoint({
    method: 'POST',
    path: '/links/:link',
    operation: 'links.upload',
    permission: 'optional',
    summary: 'Upload an audio file with a link, once, without a key',
    params: LinkParams,
    query: NAMED,
    consumes: ['*/*'],
    responses: { 201: Upload },
    busy: true,
    async run(context, { params, query, body, caller, reply, http }) {
      const { record, subject } = await opened(context, params.link, 'upload');
      const holder = callerAs(caller, subject);
      const upload = await receiveUpload(context, {
        query,
        body,
        caller: holder,
        request: http.request,
        bytes_max: record.limits?.bytes_max ?? 0,
        // Once all bytes are there: an upload that was interrupted may begin again.
        accept: () => useUp(context, holder, record.id),
      });
      unshared(http.reply);
      reply.code(201);
      return upload;
    },
  }),
];

const isLink = ({ kind }: PassRecord): boolean => kind === 'transcript' || kind === 'upload';

/** The same for every reason: a link that does not exist, has expired, was used, was revoked, or whose key has ended. */
const linkNotFound = () =>
  new MonitorError('not_found', 'link_not_found', 'this link does not exist, or counts no longer');

function hidden(error: unknown): never {
  throw error instanceof MonitorError && error.kind === 'not_found' ? linkNotFound() : error;
}

/** Another instance may have made it just now. */
async function opened(
  { access }: ApiContext,
  text: string,
  kind: 'transcript' | 'upload',
): Promise<{ record: PassRecord; subject: Subject }> {
  const known = access.openLink(text, kind);
  if (known) return known;
  await access.refresh();
  const found = access.openLink(text, kind);
  if (!found) throw linkNotFound();
  return found;
}

async function useUp(context: ApiContext, caller: Caller, pass_id: string): Promise<void> {
  try {
    await context.engine.submit(freshCommandOf(caller, { type: 'end_pass', pass_id, once: true }));
  } catch (error) {
    throw error instanceof Refused && error.refusal.code === 'ticket_used' ? linkNotFound() : error;
  }
}

/** Its URL is a secret: it is kept by no cache, and sent to no other site. */
function unshared(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-store').header('referrer-policy', 'no-referrer');
}

const formatOf = (name: string | undefined): OutputFormat | undefined =>
  OUTPUT_FORMATS.find((format) => format === name);

function linkOf(
  { protocol, host }: FastifyRequest,
  { pass_id, text, expires_ms }: Issued,
  what: Pick<Link, 'kind' | 'job_id' | 'bytes_max'>,
): Link {
  const url = `${protocol}://${host}/api/v1/links/${text}`;
  return { link_id: pass_id, url, expires_at: formatTime(expires_ms), ...what };
}
