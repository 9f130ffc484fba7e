#!/usr/bin/env node
// The command. It runs on any Node >= 20: an older one hands over to the Node that `npm ci` put beside us.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);

if (major > 24 || (major === 24 && minor >= 12)) {
  await import('../cli/main.ts');
} else {
  const own = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (!existsSync(own)) {
    console.error(
      `tmon needs Node 24.12 or newer; this is ${process.version}. Run 'npm ci' in the project first: it brings one.`,
    );
    process.exit(78);
  }
  const program = fileURLToPath(new URL('child.mjs', import.meta.url));
  // The channel carries nothing; its end tells the child that this process is gone.
  const child = spawn(own, [program, ...process.argv.slice(2)], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  // Ctrl-C on a terminal reaches the child by itself; handed on it would count as a second one.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)));
}
