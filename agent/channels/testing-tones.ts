/** Recordings whose channels have tones, for tests, and an engine that writes which it hears. */
import { readFile } from 'node:fs/promises';
import type { TranscriptSegment } from '../../protocol/transcript.ts';
import type { Engine } from '../engines/engine.ts';

const RATE_HZ = 16_000;
const LOUD = 8000;
const HEADER_BYTES = 44;

/** A WAV; each channel is the pitch of each second in hertz, or 0 for silence. */
export function tones(...channels: readonly (readonly number[])[]): Buffer<ArrayBuffer> {
  const frames = RATE_HZ * Math.max(...channels.map((seconds) => seconds.length));
  const block = channels.length * 2;
  const bytes = Buffer.alloc(HEADER_BYTES + frames * block);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + frames * block, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(channels.length, 22);
  bytes.writeUInt32LE(RATE_HZ, 24);
  bytes.writeUInt32LE(RATE_HZ * block, 28);
  bytes.writeUInt16LE(block, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(frames * block, 40);
  for (let frame = 0; frame < frames; frame++) {
    for (const [channel, seconds] of channels.entries()) {
      const hertz = seconds[Math.floor(frame / RATE_HZ)] ?? 0;
      const sample = hertz === 0 ? 0 : Math.round(LOUD * Math.sin((frame * hertz * 2 * Math.PI) / RATE_HZ));
      bytes.writeInt16LE(sample, HEADER_BYTES + frame * block + channel * 2);
    }
  }
  return bytes;
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
      for (let at = HEADER_BYTES; at < bytes.length; at += RATE_HZ * block) {
        let crossings = 0;
        for (let frame = 1; frame < RATE_HZ; frame++) {
          const sample = (n: number) => bytes.readInt16LE(at + n * block);
          if (sample(frame) < 0 !== sample(frame - 1) < 0) crossings += 1;
        }
        const text = crossings > 0 ? `${Math.round(crossings / 200) * 100} Hz` : invents;
        const start_seconds = (at - HEADER_BYTES) / RATE_HZ / block;
        const times = { start_seconds, end_seconds: start_seconds + 1 };
        const no_speech = crossings > 0 ? 0 : 0.9;
        if (text !== undefined) segments.push({ id: segments.length, ...times, text, confidence: null, no_speech });
      }
      const text = segments.map((segment) => segment.text).join(' ');
      return { text, language: null, duration_seconds: duration_seconds ?? 0, engine: 'hears tones', segments };
    },
  };
}
