/** Tells an audio file's kind by its first bytes; names and media types lie too often. */

export type AudioContainer = 'wav' | 'mp3' | 'flac' | 'ogg' | 'mp4' | 'webm' | 'aiff' | 'aac' | 'amr' | 'asf';

/** How many bytes from the start `sniffAudio` wants to see. */
export const SNIFF_BYTES = 16;

/** Null where nothing is known to begin like this. */
export function sniffAudio(head: Uint8Array): AudioContainer | null {
  const ascii = (from: number, to: number) => Buffer.from(head.subarray(from, to)).toString('latin1');
  if ((ascii(0, 4) === 'RIFF' || ascii(0, 4) === 'RF64') && ascii(8, 12) === 'WAVE') return 'wav';
  if (ascii(0, 4) === 'fLaC') return 'flac';
  if (ascii(0, 4) === 'OggS') return 'ogg';
  if (ascii(0, 3) === 'ID3') return 'mp3';
  if (ascii(4, 8) === 'ftyp') return 'mp4';
  if (ascii(0, 4) === '\x1aE\xdf\xa3') return 'webm';
  if (ascii(0, 4) === 'FORM' && /^AIF[FC]$/.test(ascii(8, 12))) return 'aiff';
  if (ascii(0, 5) === '#!AMR') return 'amr';
  if (ascii(0, 4) === '0&\xb2u') return 'asf';
  const [first = 0, second = 0] = head;
  // Eleven set bits begin an MPEG audio frame; the two layer bits tell AAC (00) from MP3 and its kin.
  if (first === 0xff && (second & 0xf6) === 0xf0) return 'aac';
  if (first === 0xff && (second & 0xe0) === 0xe0 && (second & 0x06) !== 0) return 'mp3';
  return null;
}
