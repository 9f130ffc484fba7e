/** Options of every AWS client of a source: the AWS chain's own settings, and timeouts. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Of one attempt: a lost one is repeated within the time of all. */
const REQUEST_TIMEOUT_MS = 5000;
const ALL_ATTEMPTS_MS = 10_000;
const CONNECT_TIMEOUT_MS = 3000;

/** Maximum number of concurrent requests of a source. */
const SOCKETS = 16;

/**
 * Region, endpoint and credentials come from the environment, profiles or the machine's role, as for every AWS tool
 * (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_S3`, … work). The default region is us-east-1.
 */
export function awsConfig(): { region: string; maxAttempts: number; requestHandler: object } {
  return {
    region: regionOf(process.env),
    maxAttempts: 3,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
    },
  };
}

type AnyClient = {
  middlewareStack: { add(middleware: Middleware, options: { step: 'initialize'; name: string }): void };
};
type Middleware = (next: (args: never) => Promise<unknown>) => (args: never) => Promise<unknown>;

/** The client, giving up a request after 10 s in total: its own time limit is for each attempt. */
export function withinLimit<Client>(client: Client): Client {
  const limit: Middleware = (next) => async (args) => {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      reject(Object.assign(new Error(`no response in ${ALL_ATTEMPTS_MS / 1000} s`), { name: 'TimeoutError' }));
    }, ALL_ATTEMPTS_MS);
    try {
      return await Promise.race([next(args), promise]);
    } finally {
      clearTimeout(timer);
    }
  };
  (client as AnyClient).middlewareStack.add(limit, { step: 'initialize', name: 'timeOfAllAttempts' });
  return client;
}

/** Read here, because the AWS SDK throws if no region is set. */
function regionOf(environment: Record<string, string | undefined>): string {
  const region = environment.AWS_REGION || environment.AWS_DEFAULT_REGION;
  if (region) return region;
  const profile = environment.AWS_PROFILE || 'default';
  const heads = [`${profile}]`, `profile ${profile}]`];
  const section = readConfig(environment.AWS_CONFIG_FILE || join(homedir(), '.aws', 'config'))
    .split(/^\s*\[\s*/m)
    .find((text) => heads.some((head) => text.startsWith(head)));
  return /^\s*region\s*=\s*(\S+)/m.exec(section ?? '')?.[1] ?? 'us-east-1';
}

function readConfig(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
