/** The states in which a system without a server can report a job. */
export const SIGHTED_STATES = ['QUEUED', 'PROCESSING', 'COMPLETED', 'FAILED'] as const;
export type SightedState = (typeof SIGHTED_STATES)[number];
