/** What is to be submitted: files and URLs as given, those of a list, and with --recursive those in folders and below prefixes of S3. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type NotRegularError, requireRegular } from '../../sources/regular-file.ts';
import { CommandError, EXIT } from '../exit-code.ts';

export type Input =
  | { path: string }
  /** `version`: changes when the object does. */
  | { url: string; version?: string };

export type Found = {
  inputs: Input[];
  /** Files in the folders that are no recordings. */
  others: number;
  /** Folders and files that could not be read, and why. */
  unreadable: string[];
};

/** Of files whose bytes say nothing, and of objects in S3, whose bytes are not read. */
const RECORDINGS = new Set(
  'aac ac3 aif aiff amr ape au avi caf flac gsm m4a m4b m4v mka mkv mov mp2 mp3 mp4 mpeg mpg mts oga ogg ogv opus spx ts w64 wav weba webm wma wmv wv 3g2 3gp'.split(
    ' ',
  ),
);

const HINT = 'Give a recording, or an s3:// or https:// URL.';

export const shownAs = (input: Input): string => ('path' in input ? input.path : input.url);

export const isUrl = (text: string): boolean => /^[a-z][a-z0-9+.-]+:\/\//i.test(text);

export const hasRecordingName = (name: string): boolean => RECORDINGS.has(extname(name).slice(1).toLowerCase());

/** A name that begins with a dot, or a folder of one on the way. */
export const isHidden = (path: string): boolean => path.split('/').some((name) => /^\.(?!\.?$)/.test(name));

/** Checks everything before anything is sent, so that a typing error submits nothing. Throws CommandError. */
export async function findInputs(
  given: readonly string[],
  { recursive = false, from }: { recursive?: boolean; from?: string },
): Promise<Found> {
  const found: Found = { inputs: [], others: 0, unreadable: [] };
  const named = [...given.map((name) => ({ name, where: '' })), ...(from === undefined ? [] : await readList(from))];
  if (named.length === 0 && from === undefined) {
    throw new CommandError(
      EXIT.usage,
      'nothing to submit is given',
      'Give files or URLs, or a list of them with --from.',
    );
  }
  for (const { name, where } of named) {
    if (isUrl(name)) await addUrl(name, { recursive, where, found });
    else await addPath(name, { recursive, where, found });
  }
  return found;
}

type Adding = { recursive: boolean; where: string; found: Found };

async function addUrl(url: string, { recursive, where, found }: Adding): Promise<void> {
  if (!/^s3:\/\/[^/]+\/(.*\/)?$/s.test(url)) {
    found.inputs.push({ url });
    return;
  }
  if (!recursive)
    throw new CommandError(EXIT.usage, `${where}${url} is a prefix`, 'Add --recursive for all recordings below it.');
  const { listPrefix } = await import('./s3-prefix.ts');
  for await (const { key, etag } of listPrefix(url)) {
    const below = key.slice(url.replace(/^s3:\/\/[^/]+\//, '').length);
    if (isHidden(below) || key.endsWith('/')) continue;
    if (hasRecordingName(key)) found.inputs.push({ url: `${url}${below}`, version: etag });
    else found.others += 1;
  }
}

async function addPath(path: string, { recursive, where, found }: Adding): Promise<void> {
  const kind = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'the file does not exist' : (error.code ?? error.message);
    throw new CommandError(EXIT.not_found, `${where}${path}: ${reason}`, HINT);
  });
  await requireRegular(path, kind).catch((error: NotRegularError) => {
    throw new CommandError(EXIT.usage, `${where}${error.message}`, HINT);
  });
  if (kind.isFile()) {
    found.inputs.push({ path });
    return;
  }
  if (!recursive) {
    const hint = 'Add --recursive for all recordings in it, or give them: tmon submit recordings/*.mp3';
    throw new CommandError(EXIT.usage, `${where}${path} is not a file`, hint);
  }
  await addFolder(path, found);
}

/** Links to files are followed, links to folders are not: they may lead back. */
async function addFolder(folder: string, found: Found): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    found.unreadable.push(`${folder}: ${error.code ?? error.message}`);
    return [];
  });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (isHidden(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await addFolder(path, found);
    else if (entry.isFile() || entry.isSymbolicLink()) await addIfRecording(path, found);
  }
}

async function addIfRecording(path: string, found: Found): Promise<void> {
  try {
    const kind = await stat(path);
    if (!kind.isFile()) return;
    await requireRegular(path, kind);
    if (kind.size > 0 && (await isRecording(path))) found.inputs.push({ path });
    else found.others += 1;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    found.unreadable.push(`${path}: ${code === 'ENOENT' ? 'a link to nothing' : (code ?? message)}`);
  }
}

async function isRecording(path: string): Promise<boolean> {
  const { sniffAudio } = await import('../../agent/audio/sniff-audio.ts');
  const { container, not_audio } = await sniffAudio(path);
  return not_audio === null && (container !== null || hasRecordingName(path));
}

/** One file or URL a line; empty lines and those that begin with # are comments. `-` is standard input. */
async function readList(from: string): Promise<{ name: string; where: string }[]> {
  const shown = from === '-' ? 'standard input' : from;
  const lines = from === '-' ? await text(process.stdin) : await readFile(from, 'utf8').catch(unreadableList(from));
  return lines
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line, at) => ({ name: line.trim(), where: `${shown}:${at + 1}: ` }))
    .filter(({ name }) => name !== '' && !name.startsWith('#'));
}

const unreadableList = (from: string) => (error: NodeJS.ErrnoException) => {
  const missing = error.code === 'ENOENT';
  const reason = missing ? 'the list does not exist' : (error.code ?? error.message);
  throw new CommandError(
    missing ? EXIT.not_found : EXIT.usage,
    `${from}: ${reason}`,
    '--from takes a file with one path or URL a line, or - for standard input.',
  );
};
