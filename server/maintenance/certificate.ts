/** The TLS certificate and its key: two files, read again when either changes. */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { MonitorError } from '../../protocol/errors.ts';
import type { Settings } from '../config.ts';
import { WatchedFile, type WatchedFileOptions } from './watched-file.ts';

export type Certificate = { cert: string; key: string };

/** The value is null without TLS. Throws MonitorError `bad_setting`. */
export function openCertificate(
  { tls_cert, tls_key }: Pick<Settings, 'tls_cert' | 'tls_key'>,
  options: Pick<WatchedFileOptions<Certificate | null>, 'clock' | 'log'>,
): Promise<WatchedFile<Certificate | null>> {
  if ((tls_cert === '') !== (tls_key === '')) {
    throw refuse('tls_cert and tls_key go together');
  }
  return WatchedFile.open<Certificate | null>({
    ...options,
    name: 'TLS certificate',
    path: tls_cert,
    also: tls_key === '' ? [] : [tls_key],
    otherwise: null,
    async read(cert) {
      try {
        const key = await readFile(tls_key, 'utf8');
        // Throws unless both can be read and belong together.
        createSecureContext({ cert, key });
        return { value: { cert, key } };
      } catch (error) {
        return { problems: [`${tls_cert}, ${tls_key}: ${(error as Error).message}`] };
      }
    },
    refuse,
  });
}

const refuse = (problems: string) =>
  new MonitorError('invalid', 'bad_setting', problems, {
    hint: '--tls-cert is a PEM file with the certificate and those above it, --tls-key one with its key.',
  });
