/**
 * What applies to every connection of the process: private certificate authorities, and the proxies of the environment. The one
 * place that sets it, before a command runs.
 *
 * Proxies are for `fetch`, WebSockets, and requests of node:http and node:https without an agent of their own, which AWS, the
 * store and webhooks have. Authorities are for every TLS connection but those of the store, which is in a thread:
 * NODE_EXTRA_CA_CERTS applies there, too.
 */
import { readFileSync } from 'node:fs';
import { CommandError, EXIT } from './exit-code.ts';
import { note } from './output.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The machine itself and the addresses at which clouds give it its credentials: never through a proxy. */
const NEVER = ['localhost', '127.0.0.1', '[::1]', '169.254.169.254', '169.254.170.2', '[fd00:ec2::254]'];
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

type Wanted = { ca: string | undefined; environment: Environment };

/** `ca`: a PEM file, trusted beside what Node trusts. Returns what ends the use of proxies. Throws CommandError. */
export async function prepareNetwork({ ca, environment }: Wanted): Promise<() => void> {
  quieten();
  if (ca !== undefined && ca !== '') await trust(ca);
  return followProxies(environment);
}

/** A proxy with HTTP/2 makes Node warn of each WebSocket over it, among the output. */
function quieten(): void {
  const emit = process.emitWarning as (...given: unknown[]) => void;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (!/WebSocket over HTTP2 is experimental/.test(String(warning))) emit.call(process, warning, ...rest);
  };
}

async function trust(path: string): Promise<void> {
  const tls = await import('node:tls');
  const certificates = certificatesIn(path);
  // Since Node 22.19 and 24.5.
  if (typeof tls.setDefaultCACertificates !== 'function') {
    throw new CommandError(
      EXIT.usage,
      `Node ${process.versions.node} is too old for --ca`,
      `Set NODE_EXTRA_CA_CERTS=${path} instead.`,
    );
  }
  try {
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), ...certificates]);
  } catch (error) {
    throw new CommandError(EXIT.usage, `${path} holds a damaged certificate: ${(error as Error).message}`);
  }
}

function certificatesIn(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw new CommandError(EXIT.usage, `the file of the certificate authority, ${path}, cannot be read: ${code}`);
  }
  const found = text.match(CERTIFICATE);
  if (found !== null) return found;
  throw new CommandError(
    EXIT.usage,
    `${path} contains no certificate`,
    'It must be in PEM form: `openssl x509 -inform der -in FILE` converts one.',
  );
}

async function followProxies(environment: Environment): Promise<() => void> {
  const set = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY'].filter((name) => environment[name]);
  if (set.length === 0) return () => {};
  for (const name of set) assertProxy(name, environment[name]!);
  const http = await import('node:http');
  // Not in every Node that runs this.
  if (typeof http.setGlobalProxyFromEnv !== 'function') {
    if (environment.NODE_USE_ENV_PROXY !== '1')
      note(`tmon: Node ${process.versions.node} follows ${set[0]} only with NODE_USE_ENV_PROXY=1`);
    return () => {};
  }
  return http.setGlobalProxyFromEnv({
    ...environment,
    no_proxy: exceptions(environment.no_proxy || environment.NO_PROXY),
  });
}

/** Without the address, which may hold a password. */
function assertProxy(name: string, address: string): void {
  const protocol = URL.parse(address)?.protocol;
  if (protocol === 'http:' || protocol === 'https:') return;
  const what = protocol?.startsWith('socks') ? 'is a SOCKS proxy' : 'is not the address of a proxy';
  throw new CommandError(
    EXIT.usage,
    `${name} ${what}`,
    'It begins with http:// or https://, for example http://proxy.example.com:3128.',
  );
}

function exceptions(listed = ''): string {
  return listed.trim() === '*' ? '*' : [...NEVER, listed].filter((one) => one !== '').join(',');
}
