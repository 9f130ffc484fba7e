/** The secrets in the settings: a pepper for the hashes of keys, and the hash of an admin key. */
import { readFile } from 'node:fs/promises';
import { MonitorError } from '../../protocol/errors.ts';
import type { Settings } from '../config.ts';

type Names = 'key_pepper' | 'key_pepper_file' | 'admin_key_hash' | 'admin_key_hash_file';

/** Throws MonitorError `bad_setting`. */
export async function accessSettings(
  settings: Pick<Settings, Names>,
): Promise<{ pepper: string | null; admin_key_hash: string | null }> {
  const pepper = await readSecret(settings, 'key_pepper');
  const admin_key_hash = (await readSecret(settings, 'admin_key_hash'))?.toLowerCase() ?? null;
  if (pepper !== null && pepper.length < 16) {
    throw bad('key_pepper has fewer than 16 characters', 'Make one with: openssl rand -base64 32');
  }
  if (admin_key_hash !== null && !/^[0-9a-f]{64}$/.test(admin_key_hash)) {
    throw bad('admin_key_hash is not a SHA-256 in hexadecimal', '`tmon keys generate` prints a key and its hash.');
  }
  return { pepper, admin_key_hash };
}

/** A setting, or what its file contains; null without either. Throws MonitorError `bad_setting`. */
export async function readSecret<Name extends 'key_pepper' | 'admin_key_hash' | 'oidc_client_secret'>(
  settings: Readonly<Record<Name | `${Name}_file`, string>>,
  name: Name,
): Promise<string | null> {
  const path: string = settings[`${name}_file`];
  if (path === '') return settings[name] === '' ? null : settings[name];
  if (settings[name] !== '') throw bad(`${name} and ${name}_file exclude each other`, 'Set one of them.');
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw bad(`${name}_file ${path} cannot be read: ${code}`, 'Check its path and its permissions.');
  }
  if (text === '') throw bad(`${name}_file ${path} is empty`, 'It has to hold the value alone.');
  return text;
}

const bad = (message: string, hint: string) => new MonitorError('invalid', 'bad_setting', message, { hint });
