/** A file sent as a form (`multipart/form-data`): one file part, and the field `name` before or after it. */
import type { IncomingHttpHeaders } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { Busboy } from '@fastify/busboy';
import { MonitorError } from '../../../protocol/errors.ts';

export type FormFile = {
  stream: Readable;
  /** The field `name`, else the file name of the part, else undefined. Rejects if the form is invalid. */
  name: Promise<string | undefined>;
};

export const isMultipart = (content_type: string | undefined): boolean =>
  /^multipart\/form-data\s*(;|$)/i.test(content_type ?? '');

const FIELD_BYTES_MAX = 1024;
const FIELDS_MAX = 16;

/**
 * Resolves when the file begins. Rejects with MonitorError `invalid_form` if it has no file, several files or another
 * field.
 */
export function readForm(body: Readable, headers: IncomingHttpHeaders): Promise<FormFile> {
  const { promise, resolve, reject } = Promise.withResolvers<FormFile>();
  const name = Promise.withResolvers<string | undefined>();
  name.promise.catch(() => {});
  let file: PassThrough | undefined;
  let file_name: string | undefined;
  let field: string | undefined;
  let failed = false;
  const fail = (error: MonitorError) => {
    if (failed) return;
    failed = true;
    name.reject(error);
    reject(error);
    file?.destroy(error);
    body.unpipe();
    body.resume();
  };
  let form: ReturnType<typeof Busboy>;
  try {
    form = Busboy({
      headers: headers as { 'content-type': string },
      limits: { fields: FIELDS_MAX, fieldSize: FIELD_BYTES_MAX },
    });
  } catch (error) {
    body.resume();
    return Promise.reject(wrong((error as Error).message));
  }
  form.on('file', (_field, stream, part_name) => {
    if (file || failed) {
      stream.resume();
      return fail(wrong('it has more than one file'));
    }
    // A separate stream, so that it fails with our error instead of the parser's.
    file = stream.pipe(new PassThrough());
    file.on('error', () => {});
    file_name = part_name;
    stream.on('error', ({ message }) => fail(wrong(message)));
    resolve({ stream: file, name: name.promise });
  });
  form.on('field', (field_name, value, _, truncated) => {
    if (field_name !== 'name') return fail(wrong(`it has the field ${JSON.stringify(field_name.slice(0, 100))}`));
    if (truncated || value.length > 255) return fail(wrong('its field name is longer than 255'));
    field = value;
  });
  form.on('error', (error) => fail(wrong((error as Error).message)));
  form.on('finish', () => {
    if (!file) return fail(wrong('it has no file'));
    name.resolve(field ?? file_name);
  });
  body.on('error', (error) => fail(error instanceof MonitorError ? error : wrong('it ended early')));
  body.pipe(form);
  return promise;
}

function wrong(why: string): MonitorError {
  return new MonitorError('invalid', 'invalid_form', `the form is not a valid upload: ${why}`, {
    hint: 'Send one file part and optionally a field "name", or send the file itself as the request body.',
  });
}
