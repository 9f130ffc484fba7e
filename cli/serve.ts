/** `tmon serve`: runs the monitor in this process until SIGINT or SIGTERM, or until its store has failed for good. */
import { Command } from 'commander';
import { readSettings, SETTINGS, type SettingName } from '../server/config.ts';
import { reportError } from './exit-code.ts';
import { jsonOption } from './options.ts';
import { note, printJson, printLine } from './output.ts';

/** Every setting is an option; only config.ts reads the environment, so that both agree. */
export function serveCommand(): Command {
  const command = new Command('serve').description('Run the monitor.').addOption(jsonOption());
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const { default: fallback, meaning } = SETTINGS[name];
    const shown = fallback === null || fallback === '' ? '' : ` (default ${fallback})`;
    const flag = `--${name.replaceAll('_', '-')} <value>`;
    if (name === 'source' || name === 'notify')
      command.option(flag, meaning, (url: string, before = '') => `${before}${url}\n`);
    else command.option(flag, `${meaning}${shown}`);
  }
  return command
    .addHelpText('after', '\nEvery option is also an environment variable: --store is TMON_STORE.')
    .action(serve);
}

async function serve(options: Record<string, string> & { json?: boolean }): Promise<void> {
  const { startMonitor } = await import('../server/main.ts');
  const monitor = await startMonitor(settingsOf(options));
  const { url, first_key } = monitor;
  if (options.json) printJson({ url, pid: process.pid, ...(first_key === null ? {} : { admin_key: first_key }) });
  else printLine(`tmon: listening on ${url}\ntmon: the dashboard is at ${url}/`);
  if (!options.json && first_key !== null) {
    printLine(`tmon: the first admin key, shown only now: ${first_key}`);
    printLine('tmon: others are made with it: TMON_API_KEY=… tmon keys create --role worker');
  }
  process.on('SIGHUP', () => void monitor.reload());
  const failure = await Promise.race([stopAsked(), monitor.failed]);
  // Nothing can be finished any more; a supervisor starts the process again.
  if (failure) process.exit(reportError(failure, options.json === true));
  await monitor.stop();
}

/** Commander's `softLingerMs` is the table's `soft_linger_ms`. */
export function settingsOf(options: Record<string, unknown>): ReturnType<typeof readSettings> {
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(SETTINGS)) {
    values[name] = options[name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  }
  return readSettings(values);
}

const SAME_KEY_MS = 500;

/** The first signal stops in order; a second one stops at once. */
function stopAsked(): Promise<void> {
  return new Promise((resolve) => {
    let asked_ms: number | undefined;
    for (const [signal, number] of [
      ['SIGINT', 2],
      ['SIGTERM', 15],
    ] as const) {
      process.on(signal, () => {
        // Under npx, one Ctrl-C arrives twice: from the terminal, and forwarded by npm.
        if (asked_ms !== undefined && signal === 'SIGINT' && performance.now() - asked_ms < SAME_KEY_MS) return;
        if (asked_ms !== undefined) process.exit(128 + number);
        asked_ms = performance.now();
        note('tmon: stopping; repeat to stop at once');
        resolve();
      });
    }
  });
}
