/** The form of a request for a transcription, as OpenAI's clients send it. */
import { type Static, Type } from 'typebox';
import { Priority, Tags } from '../../../protocol/job.ts';
import { CHANNELS } from '../../../protocol/option-names.ts';
import { closed, Words } from '../../../protocol/schema.ts';
import type { FormFields, FormOptions } from '../http/multipart.ts';
import { invalid, validator } from '../validation.ts';

export const RESPONSE_FORMATS = ['json', 'text', 'srt', 'vtt', 'verbose_json', 'diarized_json'] as const;
export type ResponseFormat = (typeof RESPONSE_FORMATS)[number];

export const GRANULARITIES = ['segment', 'word'] as const;

const TranscriptionForm = Type.Object(
  {
    model: Type.String({ minLength: 1, maxLength: 200 }),
    response_format: Type.Optional(Words(RESPONSE_FORMATS, '')),
    stream: Type.Optional(Type.Boolean()),
    language: Type.Optional(Type.String({ minLength: 2, maxLength: 40 })),
    prompt: Type.Optional(Type.String({ maxLength: 4_096 })),
    temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    timestamp_granularities: Type.Optional(Type.Array(Words(GRANULARITIES, ''))),
    /** Recognisers choose their own. */
    chunking_strategy: Type.Optional(Type.String()),
    // Ours: OpenAI's clients send them as `extra_body`.
    priority: Type.Optional(Priority),
    tags: Type.Optional(Tags),
    channels: Type.Optional(Words(CHANNELS, '')),
  },
  closed,
);
export type TranscriptionForm = Static<typeof TranscriptionForm>;

const LISTS: ReadonlySet<string> = new Set(['timestamp_granularities', 'tags']);
const nameOf = (field: string): string => field.replace(/\[\d*\]$/, '');

export const TRANSCRIPTION_FORM: FormOptions = {
  allowed: (field) => nameOf(field) in TranscriptionForm.properties,
  field_bytes_max: 16 * 1024,
  fields_max: 100,
  hint: `Send one file, and of the fields only ${Object.keys(TranscriptionForm.properties).join(', ')}.`,
};

/** Throws MonitorError `invalid_body` with every wrong field. */
export function transcriptionForm({ fields }: FormFields): TranscriptionForm {
  const values: Record<string, unknown> = {};
  for (const [field, text] of fields) {
    const name = nameOf(field);
    if (LISTS.has(name)) values[name] = [...((values[name] as string[] | undefined) ?? []), text];
    // Clients send options that are not set as empty fields.
    else if (text !== '') values[name] = fieldValue(name, text);
  }
  const checked = check(values);
  if ('value' in checked) return checked.value;
  throw invalid(checked.errors, 'the form');
}

function fieldValue(name: string, text: string): unknown {
  if (name === 'temperature') return Number.isFinite(Number(text)) ? Number(text) : text;
  if (name === 'stream')
    return { true: true, True: true, '1': true, false: false, False: false, '0': false }[text] ?? text;
  return text;
}

const check = validator<TranscriptionForm>(TranscriptionForm);
