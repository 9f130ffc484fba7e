/** The worker's setting for suspect transcripts. */
export const ON_SUSPECT = ['retry', 'keep'] as const;
/** What a worker does with a transcript that can hardly be what was said: a second try, or deliver it as it is. */
export type OnSuspect = (typeof ON_SUSPECT)[number];
