/** A short recording with three sentences of an example. */
import { readFileSync } from 'node:fs';
import { wordErrorRate } from '../../agent/engines/testing.ts';
import { wav } from '../processes/wav.ts';

const EXAMPLE = new URL('../../examples/audio/house-viewing.wav', import.meta.url);
const BEGIN_SECONDS = 2.45;
const SECONDS = 7.6;
const WORDS =
  'The new house has three rooms and a garden. You can see the house on Saturday. The money must be in the account on Friday.';
const ERRORS_MAX = 0.2;

const HEADER_BYTES = 44;
const BYTES_PER_SECOND = 32_000;

export function speech(): Buffer<ArrayBuffer> {
  const example = readFileSync(EXAMPLE);
  const begin = HEADER_BYTES + BEGIN_SECONDS * BYTES_PER_SECOND;
  const samples = example.subarray(begin, begin + SECONDS * BYTES_PER_SECOND);
  return Buffer.concat([wav(SECONDS).subarray(0, HEADER_BYTES), samples]);
}

/** Whether these are its words, but for a few that the model gets wrong. */
export const isSpeech = (text: string): boolean => wordErrorRate(WORDS, text) < ERRORS_MAX;
