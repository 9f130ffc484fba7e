/** Shared by fleets on AWS: the configuration of their clients, the region, and orderly shutdown. */
import { MonitorError } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';
import { awsFleetError } from './aws-fleet-error.ts';

export type AwsFleetOptions = {
  clock: Clock;
  log: (level: 'info' | 'warn', message: string) => void;
  /** Instances per page of a listing; for tests. */
  page_max?: number;
};

const CONNECT_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 15_000;

/**
 * Endpoint, credentials and region come from the environment, profiles or the machine's role, as for every AWS tool.
 */
export function awsClientConfig(region: string | null) {
  return {
    ...(region === null ? {} : { region }),
    maxAttempts: 3,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  };
}

export async function regionOf(client: { config: { region(): Promise<string> } }, url: string): Promise<string> {
  return client.config.region().catch((cause: Error) => {
    throw new MonitorError('invalid', 'no_aws_region', `the fleet ${url} has no AWS region`, {
      hint: `Set AWS_REGION, or use ${url}${url.includes('?') ? '&' : '?'}region=eu-central-1.`,
      cause,
    });
  });
}

/** Requests of a fleet: their failures become MonitorErrors, and `close` waits for them. */
export class FleetRequests {
  readonly #fleet: string;
  readonly #running = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();

  constructor(fleet: string) {
    this.#fleet = fleet;
  }

  /** Aborts when the fleet closes: ends waits between requests. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  assertOpen(): void {
    if (this.#closing.signal.aborted) throw new MonitorError('unavailable', 'stopping', 'the monitor is stopping');
  }

  /** `action`: the permission that it needs. */
  run<T>(action: string, request: () => Promise<T>): Promise<T> {
    return request().catch((error: unknown) => {
      throw awsFleetError(error, this.#fleet, action);
    });
  }

  /** Several requests, which `close` lets complete together. */
  async all<T>(requests: () => Promise<T>): Promise<T> {
    this.assertOpen();
    const running = requests();
    this.#running.add(running);
    return running.finally(() => this.#running.delete(running));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#running);
  }
}
