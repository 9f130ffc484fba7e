/** Optional packages of some systems, installed by the user. */
import { nameOfUrl } from '../../../protocol/system-urls.ts';
import { SinkError } from './report.ts';

/** Throws a SinkError that names the package if it is not installed. */
export function requirePackage(name: string, url: string): void {
  try {
    import.meta.resolve(name);
  } catch (cause) {
    throw new SinkError(`${nameOfUrl(url)} needs the package ${name}`, { hint: `npm install ${name}`, cause });
  }
}
