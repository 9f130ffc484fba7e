/**
 * Which addresses a webhook may connect to: public ones. Everything else is refused, because a URL from outside could
 * otherwise reach what only this machine or its network can: a database, a cloud's metadata service, the monitor.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** All public IPv6 addresses are in it, and no form that embeds an IPv4 address of another range, except the listed ones. */
const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::');

/** Public by its range, but answered inside Azure only: the agent of the virtual machine's host. */
const AZURE_WIRE_SERVER = '168.63.129.16';

/** Why it is refused, as the end of a sentence; null if it is public. */
export function refusedAddress(address: string): string | null {
  if (!ipaddr.isValid(address)) return 'is not an IP address';
  const parsed = ipaddr.parse(address);
  const range = parsed.range();
  if (range !== 'unicast') return `is not public (${RANGES[range] ?? range})`;
  if (parsed instanceof ipaddr.IPv4) return address === AZURE_WIRE_SERVER ? 'is not public (cloud metadata)' : null;
  if (!parsed.match(GLOBAL_UNICAST, 3)) return 'is not public (reserved)';
  return isIsatap(parsed) ? 'is not public (an embedded IPv4 address)' : null;
}

/** Of ranges whose name in ipaddr.js says little. */
const RANGES: Record<string, string> = {
  linkLocal: 'link-local',
  carrierGradeNat: 'carrier-grade NAT',
  uniqueLocal: 'private',
  ipv4Mapped: 'an embedded IPv4 address',
  rfc6145: 'an embedded IPv4 address',
  rfc6052: 'an embedded IPv4 address',
  '6to4': 'an embedded IPv4 address',
  teredo: 'an embedded IPv4 address',
};

function isIsatap({ parts }: ipaddr.IPv6): boolean {
  return (parts[4]! & ~0x0200) === 0 && parts[5] === 0x5efe;
}

/**
 * What a URL alone says about its host, without DNS: why it is refused, or null. A name may still resolve to an address
 * that is refused.
 */
export function refusedHost({ hostname }: URL, refused = refusedAddress): string | null {
  const host = hostOf(hostname);
  if (isIP(host) !== 0) {
    const why = refused(host);
    return why && `${host} ${why}`;
  }
  const name = host.replace(/\.$/, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') ? `${host} is this machine` : null;
}

/** Without the brackets of an IPv6 address. */
export const hostOf = (hostname: string): string => hostname.replace(/^\[|\]$/g, '');
