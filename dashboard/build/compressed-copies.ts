/** Writes a `.br` and a `.gz` beside each built text file, and prints what the first view loads. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const TEXT = /\.(js|css|svg)$/;

/** The budget of the first view, as Chromium counts it. */
export const FIRST_VIEW_SCRIPT_BYTES_MAX = 200_000;
/** Of each response, measured in Chromium. */
const HEADERS_BYTES = 460;

export function compressedCopies(): Plugin {
  let folder = '';
  return {
    name: 'compressed-copies',
    apply: 'build',
    configResolved: ({ root, build }) => {
      folder = join(root, build.outDir);
    },
    closeBundle() {
      const sizes = new Map<string, number>();
      for (const name of readdirSync(join(folder, 'assets')).filter((file) => TEXT.test(file))) {
        const bytes = readFileSync(join(folder, 'assets', name));
        const quality = { [constants.BROTLI_PARAM_QUALITY]: 11 };
        const packed = brotliCompressSync(bytes, { params: quality });
        writeFileSync(join(folder, 'assets', `${name}.br`), packed);
        writeFileSync(join(folder, 'assets', `${name}.gz`), gzipSync(bytes, { level: 9 }));
        sizes.set(name, packed.length);
      }
      printSizes(sizes, firstView(folder));
    },
  };
}

/** The scripts that index.html names, with all that they import at once, and those of the page at `/`. */
export function firstView(folder: string): string[] {
  const html = readFileSync(join(folder, 'index.html'), 'utf8');
  const seen = new Set<string>();
  const visit = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    const text = readFileSync(join(folder, 'assets', name), 'utf8');
    for (const [, other] of text.matchAll(/(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g)) visit(other!);
  };
  for (const [, name] of html.matchAll(/assets\/([\w.-]+\.js)"/g)) visit(name!);
  const overview = readdirSync(join(folder, 'assets')).find((name) => /^overview-[\w-]+\.js$/.test(name));
  if (overview) visit(overview);
  return [...seen];
}

function printSizes(sizes: ReadonlyMap<string, number>, first: readonly string[]): void {
  const kb = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`.padStart(9);
  for (const [name, bytes] of [...sizes].sort((a, b) => b[1] - a[1]).slice(0, 12)) {
    console.log(`${kb(bytes)}  ${first.includes(name) ? '*' : ' '} ${name}`);
  }
  const scripts = first.reduce((sum, name) => sum + (sizes.get(name) ?? 0) + HEADERS_BYTES, 0);
  console.log(
    `${kb(scripts)}  * ${first.length} scripts of the first view, brotli, with headers; at most ${kb(FIRST_VIEW_SCRIPT_BYTES_MAX).trim()}`,
  );
  if (scripts > FIRST_VIEW_SCRIPT_BYTES_MAX) throw new Error('the first view loads more script than it may');
}
