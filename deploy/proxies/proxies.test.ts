/** The configurations of nginx and Caddy as they are, but for names, ports and certificates: a recording goes through each of them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runTmon, startProgram, startTestMonitor, startTmon, temporaryDirectory } from '../../test/processes/tmon.ts';
import { wav } from '../../test/processes/wav.ts';
import { PROXIES } from '../../test/setup/proxies.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const ENGINE = `exec:sh -c 'echo hello > "$2"' sh {input} {output}`;
/** More than a proxy's usual limit of a body, 1 MB. */
const SECONDS = 60;

type Proxy = {
  program: string;
  /** Of the file in this folder, at this port and with this certificate. */
  configuration(text: string, at: { port: number; monitor: string; certificate: string; folder: string }): string;
  arguments(file: string, folder: string): string[];
  ready: RegExp;
};

const KINDS: Record<string, Proxy> = {
  'nginx.conf': {
    program: PROXIES.nginx,
    configuration(text, { port, monitor, certificate, folder }) {
      const server = text
        .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
        .replace('server_name monitor.example.com', 'server_name localhost')
        .replace(/\/etc\/letsencrypt\S+fullchain\.pem/, `${certificate}.pem`)
        .replace(/\/etc\/letsencrypt\S+privkey\.pem/, `${certificate}.key`)
        .replace('127.0.0.1:8080', monitor);
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
          `https://localhost:${port} {\n\tbind 127.0.0.1\n\ttls ${certificate}.pem ${certificate}.key`,
        )
        .replace('127.0.0.1:8080', monitor)}`,
    arguments: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
    ready: /serving initial configuration/,
  },
};

for (const [name, proxy] of Object.entries(KINDS)) {
  const skip = !existsSync(proxy.program) && `${proxy.program} is not installed: \`npm test\` installs it as root`;
  test(`${name}: an upload, the feed, a worker and the pages work through it`, { skip }, async (t) => {
    const folder = temporaryDirectory(t);
    const certificate = join(folder, 'localhost');
    makeCertificate(certificate);
    const port = await freePort();
    const url = `https://localhost:${port}`;
    const monitor = await startTestMonitor(t, { allowed_origins: url });
    const file = join(folder, name);
    const at = { port, monitor: new URL(monitor.url).host, certificate, folder };
    writeFileSync(file, proxy.configuration(readFileSync(join(FOLDER, name), 'utf8'), at));
    const running = startProgram(t, proxy.program, proxy.arguments(file, folder), {
      directory: folder,
      environment: { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    });
    await running.line(proxy.ready);

    const environment = { TMON_SERVER: url, NODE_EXTRA_CA_CERTS: `${certificate}.pem` };
    await startTmon(t, ['worker', '--engine', ENGINE, '--transport', 'websocket'], { environment }).line(/ ready /);
    const recording = join(folder, 'call.wav');
    writeFileSync(recording, wav(SECONDS));
    const { code, stdout, stderr } = await runTmon(t, ['submit', recording, '--watch'], { environment });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'hello\n');
    const [, id = ''] = /^(job-\S+)/m.exec(stderr) ?? [];
    assert.equal((await runTmon(t, ['transcript', id], { environment })).stdout.trim(), 'hello');

    const program = `const events = await fetch('${url}/api/v1/events?resource=jobs', { headers: { accept: 'text/event-stream' } });
      for await (const bytes of events.body) { console.log(events.status, String.fromCharCode(...bytes)); break; }
      console.log((await fetch('${url}/readyz')).status); process.exit();`;
    const asked = await startProgram(t, process.execPath, ['--input-type=module', '-e', program], {
      directory: folder,
      environment,
    }).ended;
    assert.match(asked.stdout, /^200 .*data:/s, asked.stderr);
    assert.match(asked.stdout, /^200$/m);
  });
}

function makeCertificate(path: string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const files = ['-keyout', `${path}.key`, '-out', `${path}.pem`];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      ...subject,
      ...files,
    ],
    { stdio: 'ignore' },
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
