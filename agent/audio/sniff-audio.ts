/** Detects an audio file's format by its content, because names and media types are often wrong. */
import { open } from 'node:fs/promises';
import { fileTypeFromFile } from 'file-type';

export type AudioContainer =
  | 'wav'
  | 'mp3'
  | 'flac'
  | 'ogg'
  | 'mp4'
  | 'webm'
  | 'aiff'
  | 'aac'
  | 'amr'
  | 'asf'
  | 'wavpack'
  | 'ape'
  | 'dsf';

export type Sniffed = {
  /** Null if it is not a format that we read. */
  container: AudioContainer | null;
  /** Of any known type of file; null if unknown. */
  media_type: string | null;
  /** The first bytes. */
  head: Buffer;
};

const HEAD_BYTES = 16;

/** By the library's name of the type. Video containers are included: their audio track is transcribed. */
const CONTAINERS: ReadonlyMap<string, AudioContainer> = new Map(
  Object.entries({
    wav: ['wav'],
    mp3: ['mp3', 'mp2', 'mp1'],
    flac: ['flac'],
    ogg: ['ogg', 'oga', 'opus', 'spx', 'ogv', 'ogm', 'ogx'],
    mp4: ['mp4', 'm4a', 'm4b', 'm4p', 'm4v', 'mov', '3gp', '3g2', 'f4a', 'f4b', 'f4p', 'f4v'],
    webm: ['webm', 'mkv'],
    aiff: ['aif'],
    aac: ['aac'],
    amr: ['amr'],
    asf: ['asf'],
    wavpack: ['wv'],
    ape: ['ape'],
    dsf: ['dsf'],
  } satisfies Record<AudioContainer, string[]>).flatMap(([container, names]) =>
    names.map((name) => [name, container as AudioContainer]),
  ),
);

/**
 * The library misses long WAVs, and is stricter about the content of others than their parsers, which report what is
 * wrong.
 */
const BEGINNINGS: readonly (readonly [string, AudioContainer])[] = [
  ['RF64', 'wav'],
  ['ID3', 'mp3'],
  ['\x1aE\xdf\xa3', 'webm'],
  ['0&\xb2u', 'asf'],
];

export async function sniffAudio(path: string): Promise<Sniffed> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const head = buffer.subarray(0, bytesRead);
    const type = await fileTypeFromFile(path);
    const text = head.toString('latin1');
    const container = type
      ? CONTAINERS.get(type.ext)
      : BEGINNINGS.find(([beginning]) => text.startsWith(beginning))?.[1];
    return { container: container ?? null, media_type: type?.mime ?? null, head };
  } finally {
    await file.close();
  }
}
