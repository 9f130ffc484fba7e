/** How much a tenant, or a key, may have at once and a day. */

/** Null: no limit. */
export type Limits = {
  readonly max_running: number | null;
  readonly jobs_per_day: number | null;
  readonly audio_hours_per_day: number | null;
  readonly upload_bytes_per_day: number | null;
};

export const NO_LIMITS: Limits = {
  max_running: null,
  jobs_per_day: null,
  audio_hours_per_day: null,
  upload_bytes_per_day: null,
};

/** The limits among these fields; nothing if there are none. */
export function limitsIn(fields: Partial<Limits>): { limits?: Limits } {
  const { max_running = null, jobs_per_day = null, audio_hours_per_day = null, upload_bytes_per_day = null } = fields;
  const limits = { max_running, jobs_per_day, audio_hours_per_day, upload_bytes_per_day };
  return Object.values(limits).some((limit) => limit !== null) ? { limits } : {};
}
