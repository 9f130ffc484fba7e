/** Transcripts, and how they are rendered. */
import { cuesOf, oneLine, turnsOf } from './captions.ts';

/**
 * The result of a job: the spoken text, with times. Stored as JSON; rendered as text, SRT or WebVTT on request.
 */
export type Transcript = {
  /** The whole text, segments joined by single spaces. */
  text: string;
  /** ISO 639-1 (`en`), or null if the engine doesn't report it. */
  language: string | null;
  /** Length of the audio, seconds. */
  duration_seconds: number;
  /** The engine and model that produced it: `pocketsphinx en-us`, `whisper.cpp ggml-base.en.bin`. */
  engine: string;
  /** Of the engine: `1.2.1`. Absent if unknown. */
  engine_version?: string;
  /** The model alone: `large-v3`. Absent if unknown. */
  model?: string;
  /** Ordered by start time. */
  segments: TranscriptSegment[];
  /** About the recording: it is cut short, damaged. Absent if there are none. */
  warnings?: TranscriptWarning[];
  /** What speaks against the text. Absent if it was not checked. */
  quality?: TranscriptQuality;
  /** What else the engine reports about the recording, under its own names. Absent if there is nothing. */
  extra?: TranscriptExtra;
};

/** Any JSON; limited in size (transcript-extra.ts). */
export type TranscriptExtra = { [name: string]: unknown };

export type TranscriptWarning = {
  /** Stable, for programs: `audio_truncated`, `audio_length_wrong`, `audio_damaged`, … */
  code: string;
  /** For people. */
  message: string;
};

export type TranscriptQuality = {
  /** Whether the text, or a part of it, can hardly be what was said. */
  suspect: boolean;
  /** Empty unless suspect. */
  reasons: QualityReason[];
};

export type QualityReason = {
  /** `text_over_silence`, `repetition`, `ends_early`, `times_outside`; other checks may have codes of their own. */
  code: string;
  /** For people. */
  message: string;
  /** The part of the recording that it is about, seconds from its start. */
  start_seconds: number;
  end_seconds: number;
};

export type TranscriptSegment = {
  /** Counts from 0. */
  id: number;
  /** Seconds from the start of the audio. */
  start_seconds: number;
  end_seconds: number;
  text: string;
  /** 0 (a guess) to 1 (certain), as reported by the engine; not comparable between engines. Null if it reports none. */
  confidence: number | null;
  /** With `word_timestamps`. Absent if the engine reports none. */
  words?: TranscriptWord[];
  /** Probability that nothing is said, 0 to 1. Absent if the engine reports none. */
  no_speech?: number;
  /** Who speaks, as the engine names them: `SPEAKER_00`. Absent if it does not tell speakers apart. */
  speaker?: string;
  /** With `channels=split`: counts from 0, in the order of the recording; of stereo 0 is left and 1 is right. */
  channel?: number;
  /** ISO 639-1. Absent if it is that of the transcript, or unknown. */
  language?: string;
  /** What else the engine reports about it, under its own names. Absent if there is nothing. */
  extra?: TranscriptExtra;
};

export type TranscriptWord = {
  start_seconds: number;
  end_seconds: number;
  text: string;
  /** 0 to 1, as reported by the engine; null if it reports none. */
  probability: number | null;
  /** As of its segment, in which more than one person may speak. */
  speaker?: string;
  /** As of its segment. */
  channel?: number;
};

/** `verbose_json` is in the form of OpenAI's API. */
export const TRANSCRIPT_FORMATS = ['json', 'verbose_json', 'text', 'srt', 'vtt'] as const;
export type TranscriptFormat = (typeof TRANSCRIPT_FORMATS)[number];

/** The Content-Type of a rendered transcript. */
export const TRANSCRIPT_MEDIA_TYPES: Readonly<Record<TranscriptFormat, string>> = {
  json: 'application/json',
  verbose_json: 'application/json',
  text: 'text/plain; charset=utf-8',
  srt: 'application/x-subrip; charset=utf-8',
  vtt: 'text/vtt; charset=utf-8',
};

/** Renders a transcript; every format ends with a newline. */
export function renderTranscript(transcript: Transcript, format: Exclude<TranscriptFormat, 'verbose_json'>): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(transcript, null, 2)}\n`;
    case 'text':
      return renderText(transcript);
    case 'srt':
      return renderSrt(transcript);
    case 'vtt':
      return renderVtt(transcript);
  }
}

/**
 * A job's `output.confidence_score`: the mean confidence of the segments, weighted by their length; segments without a
 * confidence are ignored. Null if none has one. Rounded to three decimals.
 */
export function confidenceScore(transcript: Transcript): number | null {
  let weighted = 0;
  let weights = 0;
  for (const segment of transcript.segments) {
    if (segment.confidence === null) continue;
    // A segment of no length still counts; a weight of one millisecond keeps the sum above 0.
    const weight = Math.max(segment.end_seconds - segment.start_seconds, 0.001);
    weighted += segment.confidence * weight;
    weights += weight;
  }
  return weights === 0 ? null : Math.round((weighted / weights) * 1000) / 1000;
}

/** The `warnings` and `suspect` of a job's output: the transcript's warnings, then one reason of each kind. */
export function notesOn({ warnings = [], quality }: Pick<Transcript, 'warnings' | 'quality'>): {
  warnings: TranscriptWarning[];
  suspect: boolean;
} {
  const suspect = quality?.suspect ?? false;
  const notes = [...warnings, ...(suspect ? (quality?.reasons ?? []) : [])];
  const first = new Map<string, TranscriptWarning>();
  for (const { code, message } of notes) {
    if (!first.has(code)) first.set(code, { code, message });
  }
  return { warnings: [...first.values()].slice(0, WARNINGS_MAX), suspect };
}

/** Of a job's output. */
export const WARNINGS_MAX = 20;

/** One line per segment and voice, with who speaks if that is known: line breaks inside a segment are the engine's layout. */
function renderText(transcript: Transcript): string {
  const lines = transcript.segments
    .flatMap(turnsOf)
    .map(({ voice, text }) => (voice === null ? text : `${voice}: ${text}`));
  return `${lines.length > 0 ? lines.join('\n') : oneLine(transcript.text)}\n`;
}

/** SubRip has no escapes: a cue ends at a blank line, so its text must not contain one, nor a `-->`. */
function renderSrt(transcript: Transcript): string {
  const cues = cuesOf(transcript, { named: true }).map(
    ({ start_seconds, end_seconds, lines }, index) =>
      `${index + 1}\n${timestamp(start_seconds, ',')} --> ${timestamp(end_seconds, ',')}\n` +
      `${lines.join('\n').replaceAll('-->', '->')}\n`,
  );
  return cues.length > 0 ? cues.join('\n') : '\n';
}

/** WebVTT cue text is markup: `&` and `<` must be escaped, and `-->` is not allowed. */
function renderVtt(transcript: Transcript): string {
  const cues = cuesOf(transcript, { named: false }).map(({ start_seconds, end_seconds, voice, lines }) => {
    const said = `${voice === null ? '' : `<v ${escaped(voice)}>`}${escaped(lines.join('\n'))}`;
    return `\n${timestamp(start_seconds, '.')} --> ${timestamp(end_seconds, '.')}\n${said}\n`;
  });
  return `WEBVTT\n${cues.join('')}`;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** `HH:MM:SS,mmm`; hours take as many digits as necessary. */
function timestamp(seconds: number, separator: ',' | '.'): string {
  const milliseconds = Math.max(0, Math.round(seconds * 1000));
  const part = (value: number, digits: number) => String(value).padStart(digits, '0');
  return (
    `${part(Math.floor(milliseconds / 3_600_000), 2)}:${part(Math.floor(milliseconds / 60_000) % 60, 2)}:` +
    `${part(Math.floor(milliseconds / 1000) % 60, 2)}${separator}${part(milliseconds % 1000, 3)}`
  );
}
