/**
 * The records of passes in the fold: what a key, or a sign-in at an identity provider, is exchanged for. A session of a
 * browser, a ticket that opens the feed once, a token for one job, a link to one transcript or for one upload. A pass ends with its key, and with the session that
 * made it.
 */
import type { KeyRole } from '../../../protocol/api-keys.ts';

export type PassKind = 'session' | 'ticket' | 'job' | 'transcript' | 'upload';

/** Of a link: the format of a transcript, the largest upload. */
export type PassLimits = { format?: string; bytes_max?: number };

/** Who signed in at an identity provider, and what the rules of the settings gave them. */
export type Person = {
  /** The identity provider, and the account there. */
  issuer: string;
  sub: string;
  /** As people know them: an email address, or `sub`. */
  name: string;
  role: KeyRole;
  tenant: string | null;
};

export type PassRecord = {
  id: string;
  kind: PassKind;
  /** Null if it was made by a sign-in at an identity provider. */
  key_id: string | null;
  /** Hash of the key's secret that it was made with; with that secret it ends. */
  key_hash: string | null;
  /** Null if it was made with a key. */
  person: Person | null;
  /** The session that made it, with which it ends; null if none did. */
  session_id: string | null;
  /** Null if an earlier version made it. */
  issued_ms: number | null;
  /** When a use of it was last written; absent: none was. */
  used_ms?: number;
  /** HMAC-SHA-256 of its own secret, base64url. */
  secret_hash: string;
  /** Absent except of a link. */
  limits?: PassLimits;
  /** Of a token: the only job that it shows. Of a link: the job of the transcript. */
  job_id: string | null;
  expires_ms: number;
};

export const PASSES_MAX = 100_000;

/** The last use of a session that the journal has, or its beginning. */
export const usedAt = ({ used_ms, issued_ms }: PassRecord): number => used_ms ?? issued_ms ?? 0;

/** Orders passes by their end. */
export const passEndKey = ({ expires_ms, id }: PassRecord): string =>
  `${Math.max(0, expires_ms).toString(36).padStart(10, '0')}|${id}`;

/** Sorts after every pass that ends at this time. */
export const passesEndedBy = (at_ms: number): string => `${at_ms.toString(36).padStart(10, '0')}|~`;
