/** Small recordings for tests. */

const RATE_HZ = 16_000;

/** A tone, 16 kHz mono 16 bit. `promised_seconds`: the length in the header, if different. */
export function wav(seconds: number, promised_seconds: number = seconds): Buffer<ArrayBuffer> {
  const samples = Math.round(seconds * RATE_HZ);
  const promised = Math.round(promised_seconds * RATE_HZ) * 2;
  const bytes = Buffer.alloc(44 + samples * 2);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + promised, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(RATE_HZ, 24);
  bytes.writeUInt32LE(RATE_HZ * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(promised, 40);
  for (let n = 0; n < samples; n += 1)
    bytes.writeInt16LE(Math.round(8000 * Math.sin((n * 440 * 2 * Math.PI) / RATE_HZ)), 44 + n * 2);
  return bytes;
}
