/** The id under which a worker names its machine: the EC2 instance's id where it runs on one, otherwise the host name. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** EC2 writes the instance's id here on every Nitro instance, readable by everybody and without a request. */
const ASSET_TAG = '/sys/devices/virtual/dmi/id/board_asset_tag';

export function machineId(file = ASSET_TAG): string {
  return instanceId(file) ?? hostname();
}

/** The id of the EC2 instance; null if this machine is not known to be one. */
export function instanceId(file = ASSET_TAG): string | null {
  try {
    return /^i-[0-9a-f]{8,17}$/.exec(readFileSync(file, 'utf8').trim())?.[0] ?? null;
  } catch {
    return null;
  }
}
