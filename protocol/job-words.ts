/** Words of jobs, apart from their schemas so that code without a schema library can use them. */

export const PRIORITIES = ['high', 'normal', 'low'] as const;

export const OUTPUT_FORMATS = ['json', 'text', 'srt', 'vtt'] as const;
