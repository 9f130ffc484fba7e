/**
 * Loaded before anything else (`--import`): replaces a few characters of one product file while it is loaded; other
 * files are not affected.
 */
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';

const mutant = process.env.TMON_MUTANT;
if (mutant !== undefined) {
  const { path, start, end, replacement } = JSON.parse(mutant) as {
    path: string;
    start: number;
    end: number;
    replacement: string;
  };
  const broken = pathToFileURL(path).href;
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (url !== broken) return loaded;
      const source = Buffer.from(loaded.source as Uint8Array).toString();
      return { ...loaded, source: source.slice(0, start) + replacement + source.slice(end) };
    },
  });
}
