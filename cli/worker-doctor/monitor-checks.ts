/** The way to the monitor, step by step: what fails first is the problem, and what comes after it is not checked. */
import { lookup } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Session } from '../../protocol/session.ts';
import { type Finding, finding } from './finding.ts';

const STEP_MS = 10_000;
const DAY_MS = 86_400_000;
/** A certificate, or a key, that ends soon. */
const SOON_MS = 14 * DAY_MS;
/** Signed URLs and requests to S3 are refused from five minutes on. */
const CLOCK_MS = { warning: 5_000, problem: 300_000 };

export type MonitorQuestions = {
  /** As given: `http://host:port`. */
  server: string;
  /** Asks it with the key. */
  session: () => Promise<Session>;
  /** Of this program. */
  version: string;
  now?: () => number;
};

const STEPS = ['dns', 'tcp', 'tls', 'monitor', 'version', 'key', 'clock'] as const;
type Step = (typeof STEPS)[number];

export async function checkMonitor({ server, session, version, now = Date.now }: MonitorQuestions): Promise<Finding[]> {
  // The client has refused what is no URL of HTTP.
  const url = new URL(/^[a-z]+:\/\//i.test(server) ? server : `http://${server}`);
  const findings: Finding[] = [];
  const note = (step: Step, status: Finding['status'], says: string, hint?: string) => {
    findings.push(finding(step, status, says, hint));
    return status !== 'problem';
  };
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || (secure ? 443 : 80));

  const goesOn =
    (await resolves(host, note)) &&
    (await connects(host, port, note)) &&
    (await isEncrypted({ secure, host, port, now: now() }, note)) &&
    (await responds(url, { version, now }, note));
  if (goesOn) await checkKey(session, now(), note);
  const done = new Set(findings.map(({ check }) => check));
  const last = findings.at(-1)?.check;
  if (!goesOn) {
    for (const step of STEPS) if (!done.has(step)) findings.push(finding(step, 'not checked', `${last} is a problem`));
  }
  return findings.sort((a, b) => STEPS.indexOf(a.check as Step) - STEPS.indexOf(b.check as Step));
}

type Note = (step: Step, status: Finding['status'], says: string, hint?: string) => boolean;

async function resolves(host: string, note: Note): Promise<boolean> {
  if (isIP(host) !== 0) return note('dns', 'ok', `${host} is an address`);
  try {
    const found = await within(lookup(host, { all: true }));
    return note('dns', 'ok', `${host} is ${found.map(({ address }) => address).join(', ')}`);
  } catch (error) {
    const says = `${host} cannot be resolved: ${codeOf(error)}`;
    return note(
      'dns',
      'problem',
      says,
      'Correct the name in --server, or the resolver of this machine (/etc/resolv.conf).',
    );
  }
}

async function connects(host: string, port: number, note: Note): Promise<boolean> {
  const began_ms = performance.now();
  try {
    await within(
      new Promise<void>((resolve, reject) => {
        const socket = connect({ host, port, timeout: STEP_MS });
        socket.once('connect', () => {
          socket.destroy();
          resolve();
        });
        socket.once('timeout', () => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })));
        socket.on('error', reject);
      }),
    );
    return note('tcp', 'ok', `port ${port} takes connections, in ${Math.round(performance.now() - began_ms)} ms`);
  } catch (error) {
    const code = codeOf(error);
    const hint =
      code === 'ECONNREFUSED'
        ? 'Is the monitor running there? It listens on 127.0.0.1 unless `tmon serve --listen` says otherwise.'
        : 'A firewall or a security group on the way may drop the packets: open the port.';
    return note('tcp', 'problem', `port ${port} of ${host}: ${code}`, hint);
  }
}

async function isEncrypted(
  { secure, host, port, now }: { secure: boolean; host: string; port: number; now: number },
  note: Note,
): Promise<boolean> {
  if (!secure) {
    if (host === 'localhost' || /^127\.|^::1$/.test(host)) return note('tls', 'ok', 'not needed on this machine');
    const hint = 'Use https://; docs/proxies.md shows a proxy in front of the monitor.';
    return note('tls', 'warning', 'the connection is not encrypted: the key can be read on the way', hint);
  }
  let socket: TLSSocket | undefined;
  try {
    await within(
      new Promise<void>((resolve, reject) => {
        socket = connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}) }, resolve);
        socket.on('error', reject);
      }),
    );
    const { valid_to, issuer } = socket!.getPeerCertificate();
    const left_ms = Date.parse(valid_to) - now;
    const says = `${socket!.getProtocol()}, certificate of ${issuer?.O ?? issuer?.CN ?? 'an unknown issuer'} until ${valid_to}`;
    return left_ms < SOON_MS
      ? note('tls', 'warning', says, 'Renew the certificate of the monitor.')
      : note('tls', 'ok', says);
  } catch (error) {
    const hint =
      'A certificate of your own authority is trusted with NODE_EXTRA_CA_CERTS=/path/ca.pem; otherwise correct the name or the certificate.';
    return note('tls', 'problem', `${(error as Error).message} (${codeOf(error)})`, hint);
  } finally {
    socket?.destroy();
  }
}

/** Whether a monitor is there, its version, and its clock, by its API document, which needs no key. */
async function responds(
  url: URL,
  { version, now }: { version: string; now: () => number },
  note: Note,
): Promise<boolean> {
  const at = new URL(url);
  at.pathname = `${url.pathname.replace(/\/+$/, '')}/api/v1/openapi.json`;
  const authorization =
    at.username === ''
      ? undefined
      : `Basic ${Buffer.from(`${decodeURIComponent(at.username)}:${decodeURIComponent(at.password)}`).toString('base64')}`;
  at.username = at.password = '';
  const hint = 'Is that the address of the monitor, and does the proxy in front of it pass /api?';
  try {
    const began_ms = now();
    const response = await fetch(at, {
      signal: AbortSignal.timeout(STEP_MS),
      headers: authorization ? { authorization } : {},
    });
    const ended_ms = now();
    if (!response.ok) {
      const foreign = response.status === 403 ? 'Its --allowed-origins has to name this host.' : hint;
      return note('monitor', 'problem', `${at.host} responds with ${response.status}`, foreign);
    }
    const { info } = (await response.json()) as { info?: { version?: string } };
    if (info?.version === undefined) return note('monitor', 'problem', `${at.host} is no monitor`, hint);
    note('monitor', 'ok', `${at.host} responds in ${ended_ms - began_ms} ms`);
    if (info.version === version) note('version', 'ok', version);
    else
      note(
        'version',
        'warning',
        `the monitor is ${info.version}, this worker ${version}`,
        'Update the older one; docs/upgrading.md says what mixes.',
      );
    checkClock(response.headers.get('date'), (began_ms + ended_ms) / 2, note);
    return true;
  } catch (error) {
    const reason =
      error instanceof SyntaxError
        ? 'something that is no API document'
        : (((error as Error).cause as Error)?.message ?? (error as Error).message);
    return note('monitor', 'problem', `${at.host}: ${reason}`, hint);
  }
}

function checkClock(date: string | null, at_ms: number, note: Note): void {
  const theirs_ms = Date.parse(date ?? '');
  if (Number.isNaN(theirs_ms)) {
    note('clock', 'warning', 'the monitor does not say what time it is', 'Does a proxy remove the header Date?');
    return;
  }
  // The header has whole seconds.
  const ahead_ms = at_ms - (theirs_ms + 500);
  const by = Math.abs(ahead_ms);
  if (by < CLOCK_MS.warning) {
    note('clock', 'ok', 'the same as the monitor’s');
    return;
  }
  const says = `${Math.round(by / 1000)} s ${ahead_ms > 0 ? 'ahead of' : 'behind'} the monitor’s`;
  note(
    'clock',
    by < CLOCK_MS.problem ? 'warning' : 'problem',
    says,
    'Set the clocks by NTP on both machines: timedatectl set-ntp true.',
  );
}

async function checkKey(session: () => Promise<Session>, now: number, note: Note): Promise<void> {
  const create = '`tmon keys create --role worker` makes one; give it with --api-key-file or TMON_API_KEY.';
  try {
    const { keys_required, signed_in, role, permissions, name, expires_at } = await session();
    if (!keys_required) note('key', 'ok', 'the monitor needs none');
    else if (!signed_in) note('key', 'problem', 'the monitor needs a key', create);
    else if (!permissions.includes('work'))
      note('key', 'problem', `a key of the role ${role} does not work on jobs`, create);
    else {
      const says = `${name ?? 'a key'}, of the role ${role}`;
      const left_ms = expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(expires_at) - now;
      if (left_ms < SOON_MS) note('key', 'warning', `${says}, until ${expires_at}`, 'Make another before it ends.');
      else note('key', 'ok', says);
    }
  } catch (error) {
    const { message, hint } = error as Error & { hint?: string };
    note('key', 'problem', message, hint ?? create);
  }
}

function within<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('no response'), { code: 'ETIMEDOUT' })), STEP_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function codeOf(error: unknown): string {
  const { code, errors, message } = error as NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[] };
  return code ?? errors?.[0]?.code ?? message;
}
