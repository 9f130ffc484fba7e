/**
 * The options with which ffmpeg and ffprobe open a recording that nobody vouches for.
 *
 * ffmpeg's own detection also opens formats that name other files or addresses: playlists, concat scripts, image
 * sequences, session descriptions. Only formats that carry their own sound are let through, and only the file itself.
 */
const FORMATS = [
  ...['wav', 'w64', 'aiff', 'caf', 'au', 'voc', 'flac', 'mp3', 'aac', 'loas', 'ogg', 'mov', 'matroska', 'asf', 'avi'],
  ...['flv', 'mpegts', 'mpeg', 'ac3', 'eac3', 'dts', 'dtshd', 'truehd', 'mlp', 'amr', 'amrnb', 'amrwb', 'wv', 'ape'],
  ...['tta', 'tak', 'dsf', 'iff', 'mpc', 'mpc8', 'rm', 'mxf', 'nut', 'xwma', 'wtv', 'nistsphere', 'sbc', 'ircam'],
  ...['gsm', 'g722', 'g729', 'alaw', 'mulaw', 'qcp', 'sds', 'pvf', 'avr', 'shn', 'oma', 'aea', 'ivr', 'dv', 'gxf'],
];

/** Extensions of formats without any header: their name alone tells them. */
export const HEADERLESS = ['.gsm', '.g722', '.g729', '.al', '.ul'];

export function ffmpegInput(path: string): string[] {
  return ['-protocol_whitelist', 'file', '-format_whitelist', FORMATS.join(','), '-i', `file:${path}`];
}
