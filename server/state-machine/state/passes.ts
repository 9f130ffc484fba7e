/**
 * The records of passes in the fold: what a key is exchanged for. A session of a browser, a ticket that opens the feed
 * once, a token for one job. A pass ends with its key.
 */
export type PassKind = 'session' | 'ticket' | 'job';

export type PassRecord = {
  id: string;
  kind: PassKind;
  key_id: string;
  /** Hash of the key's secret that it was made with; with that secret it ends. */
  key_hash: string;
  /** HMAC-SHA-256 of its own secret, base64url. */
  secret_hash: string;
  /** Of a token: the only job that it shows. */
  job_id: string | null;
  expires_ms: number;
};

export const PASSES_MAX = 100_000;

/** Orders passes by their end. */
export const passEndKey = ({ expires_ms, id }: PassRecord): string =>
  `${Math.max(0, expires_ms).toString(36).padStart(10, '0')}|${id}`;

/** Sorts after every pass that ends at this time. */
export const passesEndedBy = (at_ms: number): string => `${at_ms.toString(36).padStart(10, '0')}|~`;
