/** Small recordings for tests: 16 kHz, 16 bit. */

const RATE_HZ = 16_000;
export const WAV_HEADER_BYTES = 44;

/** A tone, mono. `promised_seconds`: the length in the header, if different. */
export function wav(seconds: number, promised_seconds: number = seconds): Buffer<ArrayBuffer> {
  const tone = Int16Array.from({ length: Math.round(seconds * RATE_HZ) }, (_, n) =>
    Math.round(8000 * Math.sin((n * 440 * 2 * Math.PI) / RATE_HZ)),
  );
  return wavOf([tone], Math.round(promised_seconds * RATE_HZ));
}

/** Of channels that are equally long. `promised_frames`: the length in the header, if different. */
export function wavOf(
  channels: readonly Int16Array[],
  promised_frames: number = channels[0]!.length,
): Buffer<ArrayBuffer> {
  const block = channels.length * 2;
  const bytes = Buffer.alloc(WAV_HEADER_BYTES + channels[0]!.length * block);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + promised_frames * block, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(channels.length, 22);
  bytes.writeUInt32LE(RATE_HZ, 24);
  bytes.writeUInt32LE(RATE_HZ * block, 28);
  bytes.writeUInt16LE(block, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(promised_frames * block, 40);
  for (const [channel, samples] of channels.entries()) {
    for (const [frame, sample] of samples.entries()) {
      bytes.writeInt16LE(sample, WAV_HEADER_BYTES + frame * block + channel * 2);
    }
  }
  return bytes;
}
