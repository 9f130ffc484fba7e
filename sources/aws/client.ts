/** Options of every AWS client of a source: the AWS chain's own settings, and timeouts. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const REQUEST_TIMEOUT_MS = 15_000;
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
