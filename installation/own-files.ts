/**
 * Where this program's own files are: it runs from its sources, or compiled, as it is installed from npm. Both have the same folders;
 * the files of programs end in `.ts` or `.js`.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const EXTENSION = extname(new URL(import.meta.url).pathname);
const COMPILED = EXTENSION === '.js';

/** A program beside the module with this URL, to start as a process or a thread: `ownProgram('main', import.meta.url)`. */
export const ownProgram = (path: string, from: string): string => fileURLToPath(new URL(path + EXTENSION, from));

/** Of the package that this program is. */
export function ownVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
/** The built dashboard. Made by `npm run build -w dashboard`; part of the npm package. */
export const dashboardFolder = fileURLToPath(new URL('../dashboard/dist', import.meta.url));

/** Of threads: Node 22, on which only the compiled program runs, calls its SQLite experimental. */
export const threadOptions = COMPILED ? { execArgv: ['--disable-warning=ExperimentalWarning'] } : {};

/**
 * What is made once and kept: compiled code, Python environments. An installed package may belong to root, and is replaced by an
 * update, so that its files are in the user's folder.
 */
export function cacheDirectory(environment: Record<string, string | undefined> = process.env): string {
  if (!COMPILED) return fileURLToPath(new URL('../.cache', import.meta.url));
  const { XDG_CACHE_HOME: cache } = environment;
  return join(cache?.startsWith('/') ? cache : join(homedir(), '.cache'), 'transcription-monitor');
}
