/** The packages that some systems need, which come with nobody: whoever tells there installs them. */
import { nameOfUrl } from '../../../protocol/system-urls.ts';
import { TransportError } from './report.ts';

/** Throws a TransportError that names it, if it is not installed. */
export function requirePackage(name: string, url: string): void {
  try {
    import.meta.resolve(name);
  } catch (cause) {
    throw new TransportError(`${nameOfUrl(url)} needs the package ${name}`, { hint: `npm install ${name}`, cause });
  }
}
