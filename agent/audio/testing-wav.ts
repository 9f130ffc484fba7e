/** WAV files for tests, chunk by chunk, so that each size can be a lie. */

export type WavForm = {
  /** 1 integer, 3 float, 6 A-law, 7 µ-law. Default 1. */
  format?: number;
  channels?: number;
  rate_hz?: number;
  bits?: number;
};

export type WavParts = {
  form?: WavForm;
  samples: Buffer;
  /** Chunks, made by `chunk`. */
  before?: readonly Buffer[];
  after?: readonly Buffer[];
  /** The size in the header of `data`; default: the right one. */
  data_size?: number;
  /** The size in the header of the file; default: the right one. */
  riff_size?: number;
  /** Whether odd samples are followed by a zero. Default true. */
  padded?: boolean;
  /** With a `ds64` chunk that says this of the samples; the two sizes above are then 0xffffffff. */
  ds64?: number;
};

export function chunk(name: string, body: Buffer, { size = body.length, padded = true } = {}): Buffer {
  return Buffer.concat([Buffer.from(name, 'latin1'), u32(size), body, Buffer.alloc(padded ? body.length % 2 : 0)]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** 16 kHz mono 16-bit unless said otherwise. */
export function buildWav({ form = {}, samples, before = [], after = [], padded = true, ...said }: WavParts): Buffer {
  const { format = 1, channels = 1, rate_hz = 16_000, bits = 16 } = form;
  const fmt = Buffer.alloc(16);
  const block = (channels * bits) / 8;
  fmt.writeUInt16LE(format, 0);
  fmt.writeUInt16LE(channels, 2);
  fmt.writeUInt32LE(rate_hz, 4);
  fmt.writeUInt32LE(rate_hz * block, 8);
  fmt.writeUInt16LE(block, 12);
  fmt.writeUInt16LE(bits, 14);
  const wide = said.ds64 !== undefined;
  const data = chunk('data', samples, { size: wide ? 0xffffffff : (said.data_size ?? samples.length), padded });
  const rest = Buffer.concat([chunk('fmt ', fmt), ...before, data, ...after]);
  const riff_bytes = 4 + (wide ? 36 : 0) + rest.length;
  if (!wide) return Buffer.concat([Buffer.from('RIFF'), u32(said.riff_size ?? riff_bytes), Buffer.from('WAVE'), rest]);
  const ds64 = Buffer.alloc(28);
  ds64.writeBigUInt64LE(BigInt(riff_bytes), 0);
  ds64.writeBigUInt64LE(BigInt(said.ds64!), 8);
  return Buffer.concat([Buffer.from('RF64'), u32(0xffffffff), Buffer.from('WAVE'), chunk('ds64', ds64), rest]);
}
