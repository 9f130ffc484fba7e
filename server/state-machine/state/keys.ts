/** The records of API keys in the fold. They hold hashes of secrets, never a secret. */
import type { KeyRole } from '../../../protocol/api-keys.ts';
import type { Limits } from './limits.ts';

/** Keys that are no longer accepted are kept, so that the refusal can say why, until new ones need their place. */
export const KEYS_MAX = 10_000;

export type KeyRecord = {
  id: string;
  version: number;
  role: KeyRole;
  name: string;
  /** Of jobs that it may see and submit; null: all. */
  tags: readonly string[] | null;
  /** The worker that it acts as; null: any. */
  worker_id: string | null;
  /** The tenant whose jobs it sees, submits and claims; null: it may act for all. */
  tenant: string | null;
  /** Absent: none. */
  limits?: Limits;
  /** The present secret, then the previous one during a rotation. */
  secrets: readonly KeySecret[];
  created_ms: number;
  created_by: string;
  expires_ms: number | null;
  rotated_ms: number | null;
  revoked_ms: number | null;
};

/** `hash`: HMAC-SHA-256 of the secret, base64url. `until_ms`: accepted until then; null: as long as the key. */
export type KeySecret = { hash: string; until_ms: number | null };

/** Whether the key is accepted at this time. */
export const keyCounts = ({ revoked_ms, expires_ms }: KeyRecord, at_ms: number): boolean =>
  revoked_ms === null && (expires_ms === null || at_ms < expires_ms);
