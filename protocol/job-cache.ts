/**
 * Active jobs in Redis: their keys, their lifetime, and the script with which the monitor and the SDKs write them, so that
 * a late writer never replaces a newer document.
 *
 *     job:{job_id}         the job's document, as JSON; expires 300 s after it was last written
 *     job-ended:{job_id}   for 300 s after a job's end: the segment that ended it. A reader that fills the cache from a view
 *                          that is about to be removed would otherwise bring the job back
 */

/** A83, A84: what a reader writes, and what the monitor writes. */
export const CACHE_TTL_SECONDS = 300;

export const cachedJobKey = (job_id: string): string => `job:${job_id}`;
export const endedJobKey = (job_id: string): string => `job-ended:${job_id}`;

/**
 * KEYS: those of one job. ARGV: the document, or '' if the job is not active; its `as_of_seq`; the lifetime in seconds.
 * Returns 1 if it was written, 0 if Redis knows something newer. A value that is no document counts as older.
 */
export const WRITE_JOB = `
local seq = tonumber(ARGV[2])
local ended = redis.pcall('GET', KEYS[2])
ended = type(ended) == 'string' and tonumber(ended) or -1
if ended > seq then return 0 end
local cached = redis.pcall('GET', KEYS[1])
if type(cached) == 'string' then
  local is_json, document = pcall(cjson.decode, cached)
  if is_json and type(document) == 'table' and (tonumber(document.as_of_seq) or 0) > seq then return 0 end
end
if ARGV[1] == '' then
  redis.call('SETEX', KEYS[2], ARGV[3], ARGV[2])
  redis.call('DEL', KEYS[1])
else
  redis.call('SETEX', KEYS[1], ARGV[3], ARGV[1])
end
return 1
`;

/** The arguments of EVAL for one job. */
export function writeJobArguments(job_id: string, document: string, as_of_seq: number) {
  return {
    keys: [cachedJobKey(job_id), endedJobKey(job_id)],
    arguments: [document, String(as_of_seq), String(CACHE_TTL_SECONDS)],
  };
}
