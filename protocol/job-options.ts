/** How a recording is to be transcribed. What is not given is the worker's choice. */
import { type Static, Type } from 'typebox';
import { CHANNELS, type OptionName, TASKS } from './option-names.ts';
import { closed, Words } from './schema.ts';

export const JobOptions = Type.Object(
  {
    language: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,2}$',
        examples: ['de'],
        description: 'What is spoken: `en`, `de`. Default: detected.',
      }),
    ),
    model: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        examples: ['large-v3'],
        description:
          'The model that transcribes it. Only a worker with this model gets the job; it waits as long as there is none.',
      }),
    ),
    task: Type.Optional(Words(TASKS, '`translate`: the text is English. Default `transcribe`.')),
    prompt: Type.Optional(
      Type.String({ maxLength: 4096, description: 'A text in the style of the recording, with its names and words.' }),
    ),
    hotwords: Type.Optional(Type.String({ maxLength: 4096, description: 'Words to expect, separated by spaces.' })),
    word_timestamps: Type.Optional(
      Type.Boolean({ description: 'The segments of the transcript have `words`. Default false.' }),
    ),
    vad: Type.Optional(Type.Boolean({ description: 'Only what a voice detector finds is transcribed.' })),
    temperature: Type.Optional(
      Type.Number({ minimum: 0, maximum: 1, description: '0: always the most probable text. Default: by the engine.' }),
    ),
    channels: Type.Optional(
      Words(
        CHANNELS,
        '`split`: each channel is transcribed by itself, and each segment has its `channel`; for calls. Default `mix`: all together.',
      ),
    ),
    diarize: Type.Optional(Type.Boolean({ description: 'The segments name their speakers. Default false.' })),
    engine_options: Type.Optional(
      Type.Record(Type.String(), Type.Union([Type.String({ maxLength: 1024 }), Type.Number(), Type.Boolean()]), {
        propertyNames: { pattern: '^[a-z][a-z0-9_]{0,63}$' },
        maxProperties: 32,
        description: "Options of the engine, under its own names: faster-whisper's `beam_size`.",
      }),
    ),
  },
  {
    ...closed,
    $id: 'JobOptions',
    description:
      'How the recording is to be transcribed. What is not given is the choice of the worker. Only a worker that knows the options, the language and the model gets the job, as far as it has declared what it knows. An option that no worker knows is refused, or fails the job (`option_not_supported`).',
  },
);
export type JobOptions = Static<typeof JobOptions>;

/** Every option has a name there, and every name is one of an option. */
type Same<A, B> = [A, B] extends [B, A] ? true : never;
true satisfies Same<OptionName, keyof JobOptions>;
