/**
 * Detects by its content what a file is, because names and media types are often wrong: a recording of a known kind,
 * something that is no recording, or unknown bytes, which an engine may still read.
 */

import { openAsBlob } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { fileTypeFromBlob } from 'file-type';

export type Sniffed = {
  /** Our name of the kind: `mp3`, `mp4`, `wav`; null if unknown, or no recording. */
  container: string | null;
  /** The file extension that programs expect for it, with a dot; empty if unknown. */
  extension: string;
  /** Its media type; null if unknown. */
  media_type: string | null;
  /** What it is instead of a recording: `a text file`; null if it may be one. */
  not_audio: string | null;
  /** Length of the ID3 tags at its beginning. */
  tag_bytes: number;
};

const HEAD_BYTES = 4096;

/** The library's names of what we call by one name. Video containers are included: their audio track is transcribed. */
const CONTAINERS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    mp3: ['mp2', 'mp1'],
    ogg: ['oga', 'opus', 'spx', 'ogv', 'ogm', 'ogx'],
    mp4: ['m4a', 'm4b', 'm4p', 'm4v', 'f4a', 'f4b', 'f4p', 'f4v'],
    '3gp': ['3g2'],
    webm: ['mkv'],
    aiff: ['aif'],
    mpegts: ['mts'],
    mpeg: ['mpg'],
    wavpack: ['wv'],
  }).flatMap(([container, names]) => names.map((name) => [name, container])),
);

/** What the library doesn't know, or is too strict about. A WAV says `WAVE` later on. */
const BEGINNINGS: readonly (readonly [beginning: string, container: string, extension: string])[] = [
  ['RIFF', 'wav', '.wav'],
  ['RF64', 'wav', '.wav'],
  ['BW64', 'wav', '.wav'],
  ['riff.\x91\xcf\x11', 'w64', '.w64'],
  ['.snd', 'au', '.au'],
  ['\x1aE\xdf\xa3', 'webm', '.mkv'],
  ['0&\xb2u', 'asf', '.asf'],
];

/** ffmpeg, and all that is built on it, would open the files that these name. */
const PLAYLISTS = /^(#EXTM3U|ffconcat|\[playlist\]|\[Reference\])|<MPD[\s>]|^c=IN IP|^v=0\r?\n/m;

export async function sniffAudio(path: string): Promise<Sniffed> {
  const file = await open(path);
  try {
    const tag_bytes = await tagBytes(file);
    const head = await readAt(file, tag_bytes, HEAD_BYTES);
    const known = { tag_bytes, extension: '', container: null };
    const text = head.toString('latin1');
    if (PLAYLISTS.test(text.split('\0', 1)[0]!)) {
      return { ...known, media_type: null, not_audio: 'a playlist, which only names other files' };
    }
    const found = BEGINNINGS.find(([beginning]) => text.startsWith(beginning));
    if (found && (found[1] !== 'wav' || 'WAVE'.startsWith(text.slice(8, 12))))
      return { ...known, container: found[1], extension: found[2], media_type: null, not_audio: null };
    const type = await fileTypeFromBlob(await openAsBlob(path));
    const media_type = type?.mime ?? null;
    if (type === undefined) {
      const not_audio = asText(head);
      const tagged = tag_bytes > 0 && not_audio === null; // most files with such a tag are MP3s
      return { ...known, ...(tagged ? MP3 : {}), media_type, not_audio };
    }
    const not_audio = isRecording(type.mime) ? null : `a file of type ${type.mime}`;
    if (not_audio !== null) return { ...known, media_type, not_audio };
    return {
      tag_bytes,
      container: CONTAINERS.get(type.ext) ?? type.ext,
      extension: `.${type.ext}`,
      media_type,
      not_audio,
    };
  } finally {
    await file.close();
  }
}

const MP3 = { container: 'mp3', extension: '.mp3' };

function isRecording(media_type: string): boolean {
  if (media_type === 'audio/midi') return false; // notes, not sound
  return /^(audio|video)\/|^application\/(ogg|mxf|vnd\.ms-asf|vnd\.rn-realmedia)/.test(media_type);
}

/** Null unless it is text, or a document made of it. A recording has bytes that no text has. */
function asText(head: Buffer): string | null {
  if (head.length === 0) return null;
  const utf16 = /^(\xff\xfe|\xfe\xff)/.exec(head.toString('latin1', 0, 2));
  const encoding = utf16 === null ? 'utf-8' : utf16[0] === '\xff\xfe' ? 'utf-16le' : 'utf-16be';
  const text = new TextDecoder(encoding).decode(head).replace(/\uFFFD$/, '');
  const controls = text.replace(/[^\p{Cc}]|\s/gu, '').length;
  const undecodable = text.match(/\uFFFD/g)?.length ?? 0;
  // A few letters of Latin-1 don't make it a recording; a control character does.
  if (controls > 0 || undecodable > text.length / 10) return null;
  return /^\s*[<{[]/.test(text) ? 'a document (HTML, XML or JSON)' : 'a text file';
}

const TAGS_MAX = 10;

/** ID3 tags may be repeated: a length of four bytes of seven bits each, without the header of ten bytes. */
async function tagBytes(file: FileHandle): Promise<number> {
  let offset = 0;
  for (let count = 0; count < TAGS_MAX; count++) {
    const head = await readAt(file, offset, 10);
    if (head.length < 10 || head.toString('latin1', 0, 3) !== 'ID3') return offset;
    offset += 10 + [6, 7, 8, 9].reduce((sum, at) => sum * 128 + (head.readUInt8(at) & 0x7f), 0);
  }
  return offset;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
