/** The tests that run a product file, by their distance: the number of imports between them, without types. */
import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { parse } from 'acorn';
import { simple } from 'acorn-walk';

const SOURCES = ['server/**/*.ts', 'protocol/**/*.ts', 'test/**/*.ts', 'sources/**/*.ts'];

export class Tests {
  /** File → the files that import it. */
  readonly #importers = new Map<string, string[]>();

  constructor(root: string) {
    for (const found of globSync(SOURCES, { cwd: root })) {
      const file = found.replaceAll('\\', '/');
      for (const imported of importsOf(file, readFileSync(join(root, file), 'utf8'))) {
        const importers = this.#importers.get(imported);
        if (importers) importers.push(file);
        else this.#importers.set(imported, [file]);
      }
    }
  }

  /** Test files that import this one, each with the number of imports between them, the nearest first. */
  of(file: string): Map<string, number> {
    const distances = new Map([[file, 0]]);
    for (const [reached, distance] of distances) {
      for (const importer of this.#importers.get(reached) ?? []) {
        if (!distances.has(importer)) distances.set(importer, distance + 1);
      }
    }
    return new Map([...distances].filter(([reached]) => reached.endsWith('.test.ts')));
  }
}

function importsOf(file: string, source: string): Set<string> {
  const tree = parse(stripTypeScriptTypes(source), { ecmaVersion: 'latest', sourceType: 'module' });
  const imported = new Set<string>();
  const add = (name: unknown) => {
    if (typeof name === 'string' && name.startsWith('.')) imported.add(join(file, '..', name).replaceAll('\\', '/'));
  };
  simple(tree, {
    ImportDeclaration: ({ source }) => add(source.value),
    ExportNamedDeclaration: ({ source }) => add(source?.value),
    ExportAllDeclaration: ({ source }) => add(source.value),
    ImportExpression: ({ source }) => add((source as { value?: unknown }).value),
  });
  return imported;
}
