/** URLs of fleets on AWS: `ec2:LAUNCH_TEMPLATE?spot=true&max=20`, `asg:GROUP?region=eu-west-1`. */
import { hash } from 'node:crypto';
import { MonitorError } from '../../protocol/errors.ts';

export type AwsFleetUrl = {
  url: string;
  /** The launch template or the group. */
  name: string;
  /** null: as for every AWS tool. */
  region: string | null;
  /** Value of the tag `tmon:monitor`, which distinguishes this monitor's instances from another's. */
  monitor: string;
  /** Where workers reach the monitor; becomes the tag `tmon:server`. */
  server: string | null;
};

export type Ec2FleetUrl = AwsFleetUrl & {
  version: string;
  spot: boolean;
  on_demand_fallback: boolean;
  max: number | null;
};

const SHARED = ['region', 'monitor', 'server'];

/** Throws MonitorError('invalid'). `monitor`: the name unless the URL has one. */
export function parseEc2FleetUrl(url: string, monitor: string): Ec2FleetUrl {
  const { shared, options } = parse(url, monitor, [...SHARED, 'version', 'spot', 'on_demand_fallback', 'max']);
  return {
    ...shared,
    version: options.get('version') || '$Default',
    spot: flag(url, options, 'spot', false),
    on_demand_fallback: flag(url, options, 'on_demand_fallback', true),
    max: maximum(url, options.get('max')),
  };
}

/** Throws MonitorError('invalid'). */
export function parseAsgFleetUrl(url: string, monitor: string): AwsFleetUrl {
  return parse(url, monitor, SHARED).shared;
}

function parse(url: string, monitor: string, known: readonly string[]) {
  const [address = '', query = ''] = url.split(/\?(.*)/s);
  const name = address.slice(address.indexOf(':') + 1);
  const options = new URLSearchParams(query);
  const unknown = [...options.keys()].find((option) => !known.includes(option));
  if (name === '') throw bad(url, 'names no launch template or group', 'For example ec2:whisper?spot=true&max=20.');
  if (unknown !== undefined) throw bad(url, `has an unknown option ${unknown}`, `Options: ${known.join(', ')}.`);
  const shared: AwsFleetUrl = {
    url,
    name,
    region: options.get('region') || null,
    monitor: tagValue(options.get('monitor') || monitor),
    server: options.get('server') || null,
  };
  return { shared, options };
}

function flag(url: string, options: URLSearchParams, name: string, fallback: boolean): boolean {
  const value = options.get(name);
  if (value === null) return fallback;
  if (value !== 'true' && value !== 'false')
    throw bad(url, `has ${name}=${value}`, `Use ${name}=true or ${name}=false.`);
  return value === 'true';
}

function maximum(url: string, value: string | null): number | null {
  if (value === null) return null;
  if (!/^[1-9]\d{0,5}$/.test(value)) throw bad(url, `has max=${value}`, 'max is a whole number of 1 or more.');
  return Number(value);
}

const TAG_CHARACTERS_MAX = 256;

/** Conforms to what AWS accepts; changed names get a part of their hash, so that they stay different. */
function tagValue(name: string): string {
  const clean = name.replace(/[^A-Za-z0-9 _.:/=+@-]/g, '-');
  if (clean === name && name.length <= TAG_CHARACTERS_MAX) return name;
  return `${clean.slice(0, 200)}-${hash('sha256', name, 'hex').slice(0, 12)}`;
}

function bad(url: string, what: string, hint: string): MonitorError {
  return new MonitorError('invalid', 'bad_fleet_url', `the fleet URL ${JSON.stringify(url)} ${what}`, { hint });
}
