/** The schema of a transcript, for the request that stores one. */
import { Type } from 'typebox';
import { NoteCode, NoteMessage, OutputWarnings, Suspect } from './job.ts';
import { Count, closed, Nullable, Seconds } from './schema.ts';
import type { Transcript } from './transcript.ts';
import { EXTRA_BYTES_MAX, EXTRA_FIELDS_MAX, SEGMENT_EXTRA_BYTES_MAX, SPEAKER_LENGTH_MAX } from './transcript-extra.ts';

const Speaker = Type.String({ minLength: 1, maxLength: SPEAKER_LENGTH_MAX, description: 'Who speaks: `SPEAKER_00`.' });
const Channel = Type.Integer({
  minimum: 0,
  maximum: 255,
  description: 'With `channels=split`; counts from 0: of stereo 0 is left and 1 is right.',
});
const extra = (bytes: number) =>
  Type.Record(Type.String(), Type.Unknown(), {
    maxProperties: EXTRA_FIELDS_MAX,
    description: `What else the engine reports, under its own names; at most ${bytes / 1024} KiB of JSON.`,
  });

export const TranscriptBody = Type.Unsafe<Transcript>(
  Type.Object(
    {
      text: Type.String(),
      language: Nullable(Type.String({ maxLength: 40, description: 'ISO 639-1.' })),
      duration_seconds: Seconds('Length of the audio.'),
      engine: Type.String({ maxLength: 400, description: 'The engine and model that produced it.' }),
      engine_version: Type.Optional(Type.String({ maxLength: 100, description: 'Of the engine: `1.2.1`.' })),
      model: Type.Optional(Type.String({ maxLength: 400, description: 'The model alone: `large-v3`.' })),
      segments: Type.Array(
        Type.Object(
          {
            id: Count('Counts from 0.'),
            start_seconds: Seconds('From the start of the audio.'),
            end_seconds: Seconds('From the start of the audio.'),
            text: Type.String(),
            confidence: Nullable(Type.Number({ minimum: 0, maximum: 1 })),
            words: Type.Optional(
              Type.Array(
                Type.Object(
                  {
                    start_seconds: Seconds('From the start of the audio.'),
                    end_seconds: Seconds('From the start of the audio.'),
                    text: Type.String(),
                    probability: Nullable(Type.Number({ minimum: 0, maximum: 1 })),
                    speaker: Type.Optional(Speaker),
                    channel: Type.Optional(Channel),
                  },
                  closed,
                ),
                { description: 'With `word_timestamps`; absent if the engine reports none.' },
              ),
            ),
            no_speech: Type.Optional(
              Type.Number({ minimum: 0, maximum: 1, description: 'Probability that nothing is said.' }),
            ),
            speaker: Type.Optional(Speaker),
            channel: Type.Optional(Channel),
            language: Type.Optional(
              Type.String({ maxLength: 40, description: 'ISO 639-1; absent if it is that of the transcript.' }),
            ),
            extra: Type.Optional(extra(SEGMENT_EXTRA_BYTES_MAX)),
          },
          closed,
        ),
      ),
      warnings: Type.Optional(
        Type.Array(Type.Object({ code: NoteCode, message: NoteMessage }, closed), {
          maxItems: 1000,
          description: 'About the recording: `audio_truncated`, `audio_length_wrong`, `audio_damaged`, …',
        }),
      ),
      quality: Type.Optional(
        Type.Object(
          {
            suspect: Type.Boolean({ description: 'Whether the text can hardly be what was said.' }),
            reasons: Type.Array(
              Type.Object(
                {
                  code: NoteCode,
                  message: NoteMessage,
                  start_seconds: Seconds('Start of the part of the audio that it is about.'),
                  end_seconds: Seconds('End of that part.'),
                },
                closed,
              ),
              {
                maxItems: 1000,
                description: 'Why: `text_over_silence`, `repetition`, `ends_early`, `times_outside`, …',
              },
            ),
          },
          { ...closed, description: 'What speaks against the text; absent if it was not checked.' },
        ),
      ),
      extra: Type.Optional(extra(EXTRA_BYTES_MAX)),
    },
    { ...closed, $id: 'Transcript', description: 'The spoken text, with times.' },
  ),
);

export const StoredTranscript = Type.Object(
  {
    s3_path: Type.String({ description: 'Where it is stored, in the `output_format` of the job.' }),
    segments_count: Count('Segments.'),
    confidence_score: Nullable(
      Type.Number({ minimum: 0, maximum: 1, description: 'Mean confidence of the segments.' }),
    ),
    warnings: OutputWarnings,
    suspect: Suspect,
    already_there: Type.Boolean({
      description: 'An earlier attempt had already stored a transcript; it is kept, and these are its figures.',
    }),
  },
  { $id: 'StoredTranscript' },
);
