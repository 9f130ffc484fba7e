/** What the busy fleet is made of: kinds of machines, names of recordings in several scripts, tags, and what fails. */
import type { FailureReport } from '../../protocol/job.ts';

export type Kind = {
  name: string;
  model: string;
  device: string;
  instance_type: string;
  region: string;
  batch_size: number;
  price: number;
  /** Audio seconds per second. */
  factor: number;
};

export const EAST: Kind = {
  name: 'gpu-east',
  model: 'large-v3',
  device: 'cuda',
  instance_type: 'g5.xlarge',
  region: 'us-east-1',
  batch_size: 32,
  price: 0.4123,
  factor: 11,
};
export const WEST: Kind = {
  ...EAST,
  name: 'gpu-west',
  instance_type: 'g4dn.xlarge',
  region: 'us-west-2',
  batch_size: 16,
  price: 0.1896,
  factor: 6.5,
};
export const EUROPE: Kind = {
  ...EAST,
  name: 'gpu-eu',
  model: 'large-v3-turbo',
  instance_type: 'g6.xlarge',
  region: 'eu-central-1',
  price: 0.3541,
  factor: 14,
};
export const CPU: Kind = {
  name: 'cpu-west',
  model: 'small',
  device: 'cpu',
  instance_type: 'c7i.2xlarge',
  region: 'us-west-2',
  batch_size: 1,
  price: 0.1371,
  factor: 2.2,
};

/** A folder of the bucket, its tags, and the names of its recordings; `#` is a number, `@` a date. */
export const SERIES: readonly { folder: string; tags: readonly string[]; names: readonly string[] }[] = [
  { folder: 'support', tags: ['support', 'en'], names: ['support-#.wav'] },
  { folder: 'court', tags: ['court', 'de'], names: ['court-session-#.opus', 'Sitzung_@_Saal_#.flac'] },
  { folder: 'podcasts', tags: ['podcast', 'en'], names: ['podcast-ep-#.flac', 'the-long-interview-#.mp3'] },
  { folder: 'earnings', tags: ['earnings', 'en', 'priority-desk'], names: ['earnings-call-#.mp3'] },
  { folder: 'meetings', tags: ['meeting', 'de'], names: ['board-meeting-#.m4a', 'Vorstandssitzung_№#.m4a'] },
  {
    folder: 'interviews',
    tags: ['interview', 'de'],
    names: ['interview_übung_#.wav', 'Gespräch mit Frau Dr. Weiß-#.wav'],
  },
  { folder: 'العربية', tags: ['interview', 'ar'], names: ['مقابلة مع الدكتورة ليلى-#.m4a', 'جلسة المحكمة رقم #.wav'] },
  { folder: 'עברית', tags: ['podcast', 'he'], names: ['ראיון עם שר האוצר – חלק #.mp3'] },
  { folder: '日本語', tags: ['meeting', 'ja'], names: ['東京会議_第#回_全体.wav', '第三四半期決算説明会#.mp4'] },
  { folder: '中文', tags: ['earnings', 'zh'], names: ['第三季度财报电话会议_完整录音_#.mp3'] },
];

export const LONG_NAME =
  'Parliamentary committee on digital infrastructure and public broadcasting – hearing of the expert witnesses, morning session, ' +
  'room 4.300, complete recording from the ceiling microphones (not cut).wav';

/** How often, and what. */
export const FAILURES: readonly { weight: number; failure: Omit<FailureReport, 'lease_token'> }[] = [
  {
    weight: 25,
    failure: {
      error: { code: 'gpu_out_of_memory', message: 'CUDA out of memory: tried to allocate 1.84 GiB', retryable: true },
      retry_with: { batch_size: 8 },
    },
  },
  {
    weight: 25,
    failure: {
      error: { code: 'audio_unreachable', message: 'GET of the recording: 503 Slow Down, 5 times', retryable: true },
    },
  },
  {
    weight: 20,
    failure: { error: { code: 'engine_crashed', message: 'the engine exited with signal SIGSEGV', retryable: true } },
  },
  {
    weight: 18,
    failure: {
      error: {
        code: 'not_audio',
        message: 'the recording is a text file: it begins with "<!doctype html>"',
        retryable: false,
      },
    },
  },
  {
    weight: 12,
    failure: { error: { code: 'audio_empty', message: 'the recording has 0 bytes', retryable: false } },
  },
];
