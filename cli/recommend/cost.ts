/** The monthly cost of each system: requests counted in a run (measured.json) times public prices. */
import measured from './measured.json' with { type: 'json' };
import type { SystemName } from './systems.ts';

export type Workload = {
  jobs_per_month: number;
  /** Processing time of a job. */
  minutes_per_job: number;
  /** Time between two progress reports of a job. */
  seconds_per_report: number;
  /** Time between two checks. */
  minutes_per_check: number;
};

export const DEFAULT_WORKLOAD: Workload = {
  jobs_per_month: 10_000,
  minutes_per_job: 20,
  seconds_per_report: 30,
  minutes_per_check: 5,
};

/**
 * On-demand list prices of us-east-1, USD, without free tiers, read from the providers' price pages in November 2026.
 * An hourly price counts 730 times per month.
 */
export const PRICES = {
  sqs_request: 0.4e-6,
  s3_put: 5e-6,
  s3_get: 0.4e-6,
  logs_ingested_gb: 0.5,
  logs_stored_gb_month: 0.03,
  dynamodb_write: 0.625e-6,
  dynamodb_read: 0.125e-6,
  cloudwatch_alarm_month: 0.1,
  /** An alarm on three metrics is billed as three. */
  cloudwatch_alarms: 4,
  /** db.t4g.micro and 20 GB of gp3. */
  database_month: 0.016 * 730 + 20 * 0.115,
  /** t4g.small, for the monitor. */
  monitor_machine_month: 0.0168 * 730,
} as const;

/** Counted in a run: the fixed share of each job, what each progress report adds, and what one check costs. */
export type Measured = {
  requests_per_job: number;
  requests_per_report: number;
  bytes_per_job: number;
  bytes_per_report: number;
  requests_per_check: number;
  requests_per_check_and_running_job: number;
};

/** Counts of each system. `full`: puts and gets per hour of a busy monitor. */
export const MEASURED = measured as Record<Exclude<SystemName, 'full'> | 'dynamodb', Measured> & {
  full: {
    puts_per_job: number;
    puts_per_report: number;
    gets_per_job: number;
    puts_per_idle_hour: number;
    puts_per_busy_hour: number;
  };
};

export type Cost = { usd_per_month: number; requests_per_month: number; of: Record<string, number> };

const HOURS_PER_MONTH = 730;
const GB = 1e9;

export function costOf(system: SystemName, work: Workload): Cost {
  const reports = (work.minutes_per_job * 60) / work.seconds_per_report;
  const checks = (HOURS_PER_MONTH * 60) / work.minutes_per_check;
  const running = (work.jobs_per_month * work.minutes_per_job) / (HOURS_PER_MONTH * 60);
  if (system === 'full') {
    const m = MEASURED.full;
    const busy_hours = Math.min(HOURS_PER_MONTH, (work.jobs_per_month * work.minutes_per_job) / 60);
    const idle_hours = HOURS_PER_MONTH - busy_hours;
    const puts =
      work.jobs_per_month * (m.puts_per_job + reports * m.puts_per_report) +
      busy_hours * m.puts_per_busy_hour +
      idle_hours * m.puts_per_idle_hour;
    const gets = work.jobs_per_month * m.gets_per_job;
    return total(puts + gets, {
      puts: puts * PRICES.s3_put,
      gets: gets * PRICES.s3_get,
      machine: PRICES.monitor_machine_month,
    });
  }
  const m = MEASURED[system];
  const written = work.jobs_per_month * (m.requests_per_job + reports * m.requests_per_report);
  const read = checks * (m.requests_per_check + running * m.requests_per_check_and_running_job);
  const gigabytes = (work.jobs_per_month * (m.bytes_per_job + reports * m.bytes_per_report)) / GB;
  switch (system) {
    case 'sqs':
      return total(written + read, {
        requests: (written + read) * PRICES.sqs_request,
        alarms: PRICES.cloudwatch_alarms * PRICES.cloudwatch_alarm_month,
      });
    case 'logs':
      return total(written + read, {
        ingested: gigabytes * PRICES.logs_ingested_gb,
        stored: gigabytes * PRICES.logs_stored_gb_month,
      });
    case 's3':
      return total(written + read, { puts: written * PRICES.s3_put, reads: read * PRICES.s3_get });
    case 'database':
      return total(written + read, { machine: PRICES.database_month });
  }
}

function total(requests_per_month: number, of: Record<string, number>): Cost {
  const usd_per_month = Object.values(of).reduce((sum, usd) => sum + usd, 0);
  return { usd_per_month, requests_per_month: Math.round(requests_per_month), of };
}
