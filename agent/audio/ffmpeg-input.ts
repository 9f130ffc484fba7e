/**
 * The options with which ffmpeg and ffprobe open a recording that nobody vouches for.
 *
 * ffmpeg's own detection also opens formats that name other files or addresses: playlists, concat scripts, image
 * sequences, session descriptions. Only formats that carry their own sound are let through, and only the file itself.
 * Their list is a file of its own because engines/python/read_audio.py and the Python SDK, which has a copy, read it, too.
 */
import { readFileSync } from 'node:fs';

const FORMATS = JSON.parse(readFileSync(new URL('ffmpeg-formats.json', import.meta.url), 'utf8')) as string[];

/** Extensions of formats without any header: their name alone tells them. */
export const HEADERLESS = ['.gsm', '.g722', '.g729', '.al', '.ul'];

export function ffmpegInput(path: string): string[] {
  return ['-protocol_whitelist', 'file', '-format_whitelist', FORMATS.join(','), '-i', `file:${path}`];
}
