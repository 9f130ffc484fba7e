/** Recordings whose channels have tones, for tests, and an engine that writes which it hears. */
import { readFile } from 'node:fs/promises';
import type { TranscriptSegment } from '../../protocol/transcript.ts';
import { WAV_HEADER_BYTES, wavOf } from '../../test/processes/wav.ts';
import type { Engine } from '../engines/engine.ts';

const RATE_HZ = 16_000;
const LOUD = 8000;

/** A WAV; each channel is the pitch of each second in hertz, or 0 for silence. */
export function tones(...channels: readonly (readonly number[])[]): Buffer<ArrayBuffer> {
  const length = RATE_HZ * Math.max(...channels.map((seconds) => seconds.length));
  const sampled = channels.map((seconds) =>
    Int16Array.from({ length }, (_, frame) => {
      const hertz = seconds[Math.floor(frame / RATE_HZ)] ?? 0;
      return hertz === 0 ? 0 : Math.round(LOUD * Math.sin((frame * hertz * 2 * Math.PI) / RATE_HZ));
    }),
  );
  return wavOf(sampled);
}

/** A segment for each second in which the first channel has a tone: `300 Hz`. `invents`: what it writes of the others, doubting. */
export function hearsTones({ invents }: { invents?: string } = {}): Engine {
  return {
    name: 'hears tones',
    prepare: () => Promise.reject(new Error('not here')),
    async transcribe({ audio_path, duration_seconds }) {
      const bytes = await readFile(audio_path);
      const block = bytes.readUInt16LE(22) * 2;
      const segments: TranscriptSegment[] = [];
      for (let at = WAV_HEADER_BYTES; at < bytes.length; at += RATE_HZ * block) {
        let crossings = 0;
        for (let frame = 1; frame < RATE_HZ; frame++) {
          const sample = (n: number) => bytes.readInt16LE(at + n * block);
          if (sample(frame) < 0 !== sample(frame - 1) < 0) crossings += 1;
        }
        const text = crossings > 0 ? `${Math.round(crossings / 200) * 100} Hz` : invents;
        const start_seconds = (at - WAV_HEADER_BYTES) / RATE_HZ / block;
        const times = { start_seconds, end_seconds: start_seconds + 1 };
        const no_speech = crossings > 0 ? 0 : 0.9;
        if (text !== undefined) segments.push({ id: segments.length, ...times, text, confidence: null, no_speech });
      }
      const text = segments.map((segment) => segment.text).join(' ');
      return { text, language: null, duration_seconds: duration_seconds ?? 0, engine: 'hears tones', segments };
    },
  };
}
