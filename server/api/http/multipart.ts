/** A form (`multipart/form-data`) with one file, and fields before or after it. */
import type { IncomingHttpHeaders } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { Busboy } from '@fastify/busboy';
import { MonitorError } from '../../../protocol/errors.ts';

export type FormFile = {
  stream: Readable;
  /** The rest of the form, complete once the file has been read. Rejects if the form is invalid. */
  rest: Promise<FormFields>;
};

export type FormFields = {
  /** Of the file part; undefined if it has none. */
  file_name: string | undefined;
  /** In the order in which they were sent; a field may repeat. */
  fields: readonly (readonly [name: string, value: string])[];
};

export type FormOptions = {
  /** The fields that the form may have. */
  allowed: (name: string) => boolean;
  /** Bytes of each field's value. */
  field_bytes_max: number;
  fields_max: number;
  /** Says what to send instead of an invalid form. */
  hint: string;
};

export const isMultipart = (content_type: string | undefined): boolean =>
  /^multipart\/form-data\s*(;|$)/i.test(content_type ?? '');

/**
 * Resolves when the file begins. Rejects with MonitorError `invalid_form` if the form has no file, several files, a
 * field that is not allowed, or too much in its fields.
 */
export function readForm(
  body: Readable,
  headers: IncomingHttpHeaders,
  { allowed, field_bytes_max, fields_max, hint }: FormOptions,
): Promise<FormFile> {
  const wrong = (why: string, field?: string) =>
    new MonitorError('invalid', 'invalid_form', `the form is invalid: ${why}`, {
      hint,
      ...(field === undefined ? {} : { errors: [{ field: `/${field}`, message: 'is not allowed' }] }),
    });
  const { promise, resolve, reject } = Promise.withResolvers<FormFile>();
  const rest = Promise.withResolvers<FormFields>();
  rest.promise.catch(() => {});
  let file: PassThrough | undefined;
  let file_name: string | undefined;
  const fields: [string, string][] = [];
  let failed = false;
  const fail = (error: MonitorError) => {
    if (failed) return;
    failed = true;
    rest.reject(error);
    reject(error);
    file?.destroy(error);
    body.unpipe();
    body.resume();
  };
  let form: ReturnType<typeof Busboy>;
  try {
    form = Busboy({
      headers: headers as { 'content-type': string },
      // One more than allowed, so that too many are noticed.
      limits: { fields: fields_max + 1, fieldSize: field_bytes_max },
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
    resolve({ stream: file, rest: rest.promise });
  });
  form.on('field', (name, value, _, truncated) => {
    const shown = name.slice(0, 100);
    if (!allowed(name)) return fail(wrong(`it has the field ${JSON.stringify(shown)}`, shown));
    if (truncated) return fail(wrong(`its field ${shown} has more than ${field_bytes_max} bytes`, shown));
    if (fields.length === fields_max) return fail(wrong(`it has more than ${fields_max} fields`));
    fields.push([name, value]);
  });
  form.on('error', (error) => fail(wrong((error as Error).message)));
  form.on('finish', () => {
    if (!file) return fail(wrong('it has no file'));
    rest.resolve({ file_name, fields });
  });
  body.on('error', (error) => fail(error instanceof MonitorError ? error : wrong('it ended early')));
  body.pipe(form);
  return promise;
}
