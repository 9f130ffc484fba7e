/** The options of what a tenant or a key may have, the same for both. */
import { type Command, InvalidArgumentError } from 'commander';
import type { TenantSettings } from '../protocol/tenant.ts';
import { amount, wholeNumber } from './options.ts';

/** Commander has no null. */
type Limit = number | 'none';

export type LimitOptions = {
  maxRunning?: Limit;
  jobsPerDay?: Limit;
  audioHoursPerDay?: Limit;
  uploadBytesPerDay?: Limit;
};

type Limits = Omit<TenantSettings, 'weight'>;

const orNone =
  (parse: (value: string) => number) =>
  (value: string): Limit =>
    value === 'none' ? value : parse(value);

const limitValue = (limit: Limit): number | null => (limit === 'none' ? null : limit);

export function withLimits(command: Command): Command {
  return command
    .option('--max-running <n>', 'jobs that workers may hold at once, or none', orNone(positive))
    .option('--jobs-per-day <n>', 'jobs submitted a UTC day, or none', orNone(wholeNumber))
    .option('--audio-hours-per-day <hours>', 'hours of audio submitted a UTC day, or none', orNone(amount))
    .option('--upload-bytes-per-day <bytes>', 'bytes uploaded a UTC day, or none', orNone(wholeNumber));
}

/** Of those that were given. */
export function limitsOf({ maxRunning, jobsPerDay, audioHoursPerDay, uploadBytesPerDay }: LimitOptions): Limits {
  return {
    ...(maxRunning === undefined ? {} : { max_running: limitValue(maxRunning) }),
    ...(jobsPerDay === undefined ? {} : { jobs_per_day: limitValue(jobsPerDay) }),
    ...(audioHoursPerDay === undefined ? {} : { audio_hours_per_day: limitValue(audioHoursPerDay) }),
    ...(uploadBytesPerDay === undefined ? {} : { upload_bytes_per_day: limitValue(uploadBytesPerDay) }),
  };
}

export function positive(value: string): number {
  const number = wholeNumber(value);
  if (number > 0) return number;
  throw new InvalidArgumentError('Must be a whole number of 1 or more.');
}
