/** The configurations of deploy/proxies as they are, but for names, ports, certificates and folders, run by the real programs. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Cleaning, type Program, startProgram, temporaryDirectory } from '../processes/tmon.ts';
import { PROXIES, traefikProgram } from '../setup/proxies.ts';
import type { Certificate } from './authority.ts';

const FOLDER = fileURLToPath(new URL('../../deploy/proxies/', import.meta.url));
const APACHE_MODULES = [
  'mpm_event',
  'authz_core',
  'headers',
  'socache_shmcb',
  'ssl',
  'proxy',
  'proxy_http',
  'reqtimeout',
];

type At = { port: number; monitor: string; certificate: Certificate; folder: string };

type Kind = {
  program: string | (() => Promise<string>);
  /** A second file that goes beside the first. */
  beside?: string;
  /** The text of a file, at this place. */
  configuration(text: string, at: At): string;
  arguments(file: string, folder: string): string[];
  /** Once it listens, if it says so. */
  ready?: RegExp;
};

/** By the names of their files. */
export const REVERSE_PROXIES: Readonly<Record<string, Kind>> = {
  'nginx.conf': {
    program: PROXIES.nginx,
    configuration(text, { port, monitor, certificate, folder }) {
      const server = withCertificate(text, certificate)
        .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
        .replace('server_name monitor.example.com', 'server_name localhost')
        .replaceAll('127.0.0.1:8080', monitor);
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `${name}_temp_path ${folder}/${name};`,
      );
      return `pid ${folder}/pid;\nerror_log stderr notice;\ndaemon off;\nmaster_process off;\nevents {}\nhttp {\naccess_log off;\n${temporary.join('\n')}\n${server}}\n`;
    },
    arguments: (file, folder) => ['-p', folder, '-c', file],
    ready: /notice.* built by gcc|using the .* event method/,
  },
  Caddyfile: {
    program: PROXIES.caddy,
    configuration: (text, { port, monitor, certificate }) =>
      `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${text
        .replace(
          'monitor.example.com {',
          `https://localhost:${port} {\n\tbind 127.0.0.1\n\ttls ${certificate.certificate} ${certificate.key}`,
        )
        .replace('127.0.0.1:8080', monitor)}`,
    arguments: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
    ready: /serving initial configuration/,
  },
  'haproxy.cfg': {
    program: PROXIES.haproxy,
    configuration(text, { port, monitor, certificate, folder }) {
      const both = join(folder, 'both.pem');
      writeFileSync(both, readFileSync(certificate.certificate, 'utf8') + readFileSync(certificate.key, 'utf8'));
      return text
        .replace('bind :443', `bind 127.0.0.1:${port}`)
        .replace(/\/etc\/haproxy\/certs\S+/, both)
        .replace('127.0.0.1:8080', monitor);
    },
    arguments: (file) => ['-db', '-f', file],
  },
  'apache.conf': {
    program: PROXIES.apache,
    configuration(text, { port, monitor, certificate, folder }) {
      const host = withCertificate(text, certificate)
        .replace('<VirtualHost *:443>', `<VirtualHost 127.0.0.1:${port}>`)
        .replace('ServerName monitor.example.com', 'ServerName localhost')
        .replaceAll('127.0.0.1:8080', monitor);
      const modules = APACHE_MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`);
      const files = [
        `PidFile ${folder}/pid`,
        `ErrorLog ${folder}/errors`,
        `DefaultRuntimeDir ${folder}`,
        'ServerName localhost',
      ];
      return [...modules, ...files, `ServerRoot ${folder}`, `Listen 127.0.0.1:${port}`, 'LogLevel notice', host].join(
        '\n',
      );
    },
    arguments: (file) => ['-X', '-f', file],
  },
  'traefik.yml': {
    program: traefikProgram,
    beside: 'traefik-monitor.yml',
    configuration: (text, { port, monitor, certificate, folder }) =>
      withCertificate(text, certificate)
        .replace('address: ":443"', `address: "127.0.0.1:${port}"`)
        .replace('providers:', 'global:\n  checkNewVersion: false\nproviders:')
        .replace('/etc/traefik/traefik-monitor.yml\n', `${folder}/traefik-monitor.yml\n`)
        .replace('Host(`monitor.example.com`)', 'Host(`localhost`)')
        .replace('127.0.0.1:8080', monitor),
    arguments: (file) => [`--configFile=${file}`],
  },
};

/** Why it can't be run here; false if it can. */
export async function whyNot({ program }: Kind): Promise<string | false> {
  try {
    const path = await pathOf(program);
    return !existsSync(path) && `${path} is not installed: \`npm test\` installs it as root`;
  } catch (error) {
    return (error as Error).message;
  }
}

const pathOf = async (program: Kind['program']): Promise<string> =>
  typeof program === 'string' ? program : await program();

/** Starts it before the monitor at that URL, which must allow `https://localhost:PORT`; returns its own URL once it responds. */
export async function startReverseProxy(
  t: Cleaning,
  name: string,
  { monitor, certificate, port }: { monitor: string; certificate: Certificate; port: number },
): Promise<string> {
  const kind = REVERSE_PROXIES[name]!;
  const folder = temporaryDirectory(t);
  const file = join(folder, name);
  const at = { port, monitor: new URL(monitor).host, certificate, folder };
  for (const one of [name, kind.beside ?? name]) {
    writeFileSync(join(folder, one), kind.configuration(readFileSync(join(FOLDER, one), 'utf8'), at));
  }
  const running = startProgram(t, await pathOf(kind.program), kind.arguments(file, folder), {
    directory: folder,
    environment: { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  });
  const url = `https://localhost:${port}`;
  if (kind.ready) await running.line(kind.ready);
  else await responding(url, running);
  return url;
}

/** For programs that do not say when they listen. Rejects if it ends. */
async function responding(url: string, running: Program): Promise<void> {
  let ended: string | null = null;
  running.ended.then(({ stderr }) => {
    ended = stderr;
  });
  while (
    !(await fetch(`${url}/livez`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (ended !== null) throw new Error(`it ended: ${ended}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const withCertificate = (text: string, { certificate, key }: Certificate): string =>
  text.replace(/\/etc\/letsencrypt\S+fullchain\.pem/, certificate).replace(/\/etc\/letsencrypt\S+privkey\.pem/, key);
