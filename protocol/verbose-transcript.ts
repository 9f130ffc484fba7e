/** A transcript in the form of OpenAI's API, `verbose_json`; with `speaker` and `channel`, which that does not have. */
export type VerboseTranscript = {
  task: 'transcribe' | 'translate';
  /** Its English name, `english`; `unknown` if the engine does not report it. */
  language: string;
  /** Of the audio, seconds. */
  duration: number;
  text: string;
  segments?: VerboseSegment[];
  words?: VerboseWord[];
  usage: { type: 'duration'; seconds: number };
};

/** Fields that only a decoder knows have the values of a certain one. */
export type VerboseSegment = {
  id: number;
  seek: number;
  /** Seconds from the start of the audio. */
  start: number;
  end: number;
  text: string;
  tokens: number[];
  temperature: number;
  avg_logprob: number;
  compression_ratio: number;
  no_speech_prob: number;
  /** Absent if unknown. */
  speaker?: string;
  channel?: number;
};

export type VerboseWord = { word: string; start: number; end: number; speaker?: string; channel?: number };
