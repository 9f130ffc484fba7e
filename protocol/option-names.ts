/** Names of the options of jobs, as workers declare them; without a schema, for clients. job-options.ts has their types. */
export const OPTION_NAMES = [
  'language',
  'model',
  'task',
  'prompt',
  'hotwords',
  'word_timestamps',
  'vad',
  'temperature',
  'channels',
  'diarize',
  'engine_options',
] as const;
export const TASKS = ['transcribe', 'translate'] as const;
export const CHANNELS = ['mix', 'split'] as const;

export type OptionName = (typeof OPTION_NAMES)[number];
