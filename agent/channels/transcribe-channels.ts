/**
 * The option `channels=split`: each channel of a recording is transcribed by itself, one after the other, by the same engine, and
 * checked by itself; the segments are merged by time. For calls, in which each person has a channel.
 *
 * A channel in which nothing is heard is not given to the engine. A recording with one channel, with the same in all, or with
 * silent ones alone is transcribed as it is.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TranscriptQuality } from '../../protocol/transcript.ts';
import type { Engine, TranscribeTask } from '../engines/engine.ts';
import { type Checked, type CheckedOptions, type Try, transcribeChecked } from '../quality/checked-transcription.ts';
import { type ChannelTranscript, mergeChannels } from './merge-channels.ts';
import { withoutPauses } from './not-said.ts';
import { separateChannels } from './separate-channels.ts';

/** Of the work on a recording: the part at `index`, from 0, of `count` equal ones. */
export type Part = { index: number; count: number };

const WHOLE: Part = { index: 0, count: 1 };

export type ChannelOptions = Omit<CheckedOptions, 'begin' | 'onSecondTry'> & {
  begin: (part: Part) => Try;
  onSecondTry: (quality: TranscriptQuality, what: string, part: Part) => void;
};

/** All channels together. */
export const transcribeWhole = (engine: Engine, task: TranscribeTask, options: ChannelOptions): Promise<Checked> =>
  transcribeChecked(engine, task, forPart(options, WHOLE));

const forPart = ({ begin, onSecondTry, ...options }: ChannelOptions, part: Part): CheckedOptions => ({
  ...options,
  begin: () => begin(part),
  onSecondTry: (quality, what) => onSecondTry(quality, what, part),
});

export async function transcribeChannels(
  engine: Engine,
  task: TranscribeTask,
  options: ChannelOptions,
): Promise<Checked> {
  const { signal } = options;
  const { audio_path, work_directory } = task;
  const separated = await separateChannels({ audio_path, work_directory, signal });
  const audible = separated?.channels.filter(({ silent }) => !silent) ?? [];
  if (separated === null || audible.length === 0) return transcribeWhole(engine, task, options);

  const parts: ChannelTranscript[] = [];
  for (const [index, { channel, path, heard }] of audible.entries()) {
    signal.throwIfAborted();
    const directory = join(work_directory, `channel-${channel}`);
    await mkdir(directory);
    const { duration_seconds } = heard;
    const transcript = await transcribeChecked(
      withoutPauses(engine, heard),
      { ...task, audio_path: path, duration_seconds, work_directory: directory },
      { ...forPart(options, { index, count: audible.length }), measure: async () => heard },
    );
    parts.push({ channel, transcript });
    // Large recordings have large channels: their room is needed for the next one.
    await rm(path);
    await rm(directory, { recursive: true });
  }
  return mergeChannels(parts, separated.warnings);
}
