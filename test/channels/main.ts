/**
 * `node test/channels/main.ts`: a phone call with a person in each channel, made by espeak-ng, through a monitor and a worker with
 * faster-whisper and tiny.en. Prints, of the words that the engine hears in the file of one person alone, the share that is found
 * under the channel of that person with `channels=split`, and in all of the text with `channels=mix`. Exit code 1 if a
 * channel has less than 0.9, or if text is found in a channel in which nobody speaks. A minute or two; not part of npm test.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PACKAGED_FASTER_WHISPER } from '../../agent/engines/faster-whisper.ts';
import type { JobOptions } from '../../protocol/job-options.ts';
import type { Transcript } from '../../protocol/transcript.ts';
import { type Cleaning, startTestMonitor, startTmon, temporaryDirectory } from '../processes/tmon.ts';
import { wavOf } from '../processes/wav.ts';

const RATE_HZ = 16_000;
const RIGHT_MIN = 0.9;
const VOICES = ['en-us+f2', 'en-gb+m3'] as const;
const NAMES = ['left', 'right'] as const;
/** Who says it, after how many seconds since the turn before began; null: when it has ended. */
const TURNS: readonly [who: 0 | 1, after_seconds: number | null, text: string][] = [
  [0, null, 'Good morning. This is the office of the train company. How can I help you?'],
  [1, null, 'Hello. I left my keys on the train from London yesterday evening.'],
  [0, null, 'I am sorry to hear that. Which train did you take, and at what time?'],
  [1, null, 'It was the last train of the day. It left the station at eleven o clock.'],
  // From here on they do not listen to each other.
  [0, null, 'I will look into the book of lost things. Please wait a moment, it will not take long.'],
  [1, 1, 'There are four keys on a blue ring, and one of them is very old and made of iron.'],
  [0, 4, 'We have three blue umbrellas, a black coat and a bag with two books from the library.'],
  [1, 1, 'My neighbor has no other key to the garden, and the water in the house is still running.'],
  [0, 4, 'Here it is. A ring with four keys was found under a seat near the window.'],
  [1, 1.5, 'That must be mine. Can I come to the office this afternoon and take them home?'],
];
const run = promisify(execFile);

const cleaning: (() => void | Promise<void>)[] = [];
const t: Cleaning = { after: (clean) => void cleaning.unshift(clean) };
try {
  const directory = temporaryDirectory(t);
  const speakers = await call(directory);
  const { url, api } = await startTestMonitor(t);
  startTmon(t, ['worker', '--server', url, '--engine', PACKAGED_FASTER_WHISPER]);
  const transcribe = async (name: string, options: JobOptions = {}): Promise<Transcript> => {
    const { audio_url } = await api.uploads.create({ name, body: await readFile(join(directory, name)) });
    const { id } = await api.jobs.submit({ audio_url, options: { word_timestamps: true, ...options } });
    for await (const { state, job } of api.jobs.watch(id))
      assert.notEqual(state, 'FAILED', JSON.stringify(job.retry_info.last_error));
    return api.jobs.transcript(id);
  };
  const clean = [await transcribe('left.wav'), await transcribe('right.wav')];
  const mix = await transcribe('call.mp3');
  const split = await transcribe('call.mp3', { channels: 'split' });
  const silent = await transcribe('silent.wav', { channels: 'split' });

  const shares = NAMES.map((name, channel) => {
    const spoken = wordsOf(clean[channel]!.text);
    const own = wordsOf(textOf(split, channel));
    const share = hits(spoken, own) / spoken.length;
    const inMix = hits(spoken, wordsOf(mix.text)) / spoken.length;
    const said = wordsOf(speakers[channel]!);
    console.log(
      `${name}: ${share.toFixed(3)} of the ${spoken.length} words of the clean file under its channel, ${inMix.toFixed(3)} in the mix; ` +
        `of the ${said.length} spoken words ${(hits(said, own) / said.length).toFixed(3)}`,
    );
    return share;
  });
  console.log(`silent channel: ${JSON.stringify(textOf(silent, 1))}; ${silent.segments.length} segments in the other`);
  for (const { start_seconds, channel, text } of split.segments)
    console.log(`  ${start_seconds.toFixed(1).padStart(5)} s  ${NAMES[channel!]!.padEnd(5)}  ${text}`);
  assert.ok(shares.every((share) => share >= RIGHT_MIN));
  assert.ok(split.segments.every(({ channel, words }) => words?.every((word) => word.channel === channel)));
  assert.equal(textOf(silent, 1), '');
  assert.ok(silent.segments.length > 0);
} finally {
  for (const clean of cleaning) await clean();
}

/** Writes left.wav and right.wav, each with one person alone; call.mp3 with both; silent.wav, in which only the left one speaks. */
async function call(directory: string): Promise<string[]> {
  const channels: Int16Array[] = NAMES.map(() => new Int16Array(RATE_HZ * 120));
  let [began, ended] = [0, RATE_HZ];
  for (const [who, after_seconds, text] of TURNS) {
    const spoken = await speak(directory, VOICES[who], text);
    const at = after_seconds === null ? ended : began + after_seconds * RATE_HZ;
    channels[who]!.set(spoken, at);
    began = at;
    ended = Math.max(ended, at + spoken.length + RATE_HZ / 2);
  }
  const length = ended + RATE_HZ;
  const [left, right] = channels.map((samples) => samples.subarray(0, length)) as [Int16Array, Int16Array];
  // As of a microphone that nobody speaks into.
  const noise = Int16Array.from({ length }, (_, at) => ((at * 7919) % 13) - 6);
  await writeFile(join(directory, 'left.wav'), wavOf([left]));
  await writeFile(join(directory, 'right.wav'), wavOf([right]));
  await writeFile(join(directory, 'call.wav'), wavOf([left, right]));
  await writeFile(join(directory, 'silent.wav'), wavOf([left, noise]));
  await run('ffmpeg', ['-v', 'error', '-i', 'call.wav', '-b:a', '96k', 'call.mp3'], { cwd: directory });
  return NAMES.map((_, channel) =>
    TURNS.filter(([who]) => who === channel)
      .map(([, , text]) => text)
      .join(' '),
  );
}

async function speak(directory: string, voice: string, text: string): Promise<Int16Array> {
  await run('espeak-ng', ['-v', voice, '-s', '150', '-w', 'turn.wav', text], { cwd: directory });
  const form = ['-ac', '1', '-ar', String(RATE_HZ), '-f', 's16le', 'turn.raw'];
  await run('ffmpeg', ['-v', 'error', '-y', '-i', 'turn.wav', ...form], { cwd: directory });
  const bytes = await readFile(join(directory, 'turn.raw'));
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function textOf({ segments }: Transcript, channel: number): string {
  const own = segments.filter((segment) => segment.channel === channel);
  return own.map(({ text }) => text).join(' ');
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[a-z']+/g) ?? [];
}

/** The words that both have in the same order. */
function hits(spoken: readonly string[], heard: readonly string[]): number {
  let row: number[] = Array(heard.length + 1).fill(0);
  for (const word of spoken) {
    const next = [0];
    for (const [at, other] of heard.entries())
      next.push(word === other ? row[at]! + 1 : Math.max(row[at + 1]!, next[at]!));
    row = next;
  }
  return row.at(-1)!;
}
