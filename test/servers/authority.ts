/** A private certificate authority and a certificate that it issued, made by openssl. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Certificate = { ca: string; certificate: string; key: string };

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Returns the paths of PEM files in `directory`. `names`: of hosts. */
export function issueCertificate(directory: string, names: readonly string[]): Certificate {
  const at = (name: string) => join(directory, name);
  const made = { ca: at('ca.pem'), certificate: at('server.pem'), key: at('server.key') };
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
  writeFileSync(at('names.ext'), `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}\n`);
  const authority = ['-subj', '/CN=Our authority', '-days', '2', '-keyout', at('ca.key'), '-out', made.ca];
  openssl('req', '-x509', ...KEY, ...authority);
  openssl('req', ...KEY, '-subj', `/CN=${names[0]}`, '-keyout', made.key, '-out', at('server.csr'));
  const signer = ['-CA', made.ca, '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2'];
  openssl('x509', '-req', '-in', at('server.csr'), ...signer, '-extfile', at('names.ext'), '-out', made.certificate);
  return made;
}
