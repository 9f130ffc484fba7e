/**
 * Loaded before anything else (`--import`): replaces a few characters of one file of the product while it is loaded,
 * and nowhere else.
 */
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';

const given = process.env.TMON_MUTANT;
if (given !== undefined) {
  const { path, start, end, replacement } = JSON.parse(given) as {
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
