/** How `tmon check` shows a verdict: to people, to programs, and as an exit code. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { CheckDocument, CheckVerdict } from '../../protocol/check.ts';
import { reportOf } from '../../sources/check/report.ts';
import { CommandError, EXIT } from '../exit-code.ts';
import { colour, printLine } from '../output.ts';
import { githubOf } from './github.ts';
import { NAGIOS_EXIT, nagiosOf } from './nagios.ts';
import { prometheusOf } from './prometheus.ts';

export const FORMATS = ['text', 'json', 'prometheus', 'nagios', 'github'] as const;
export type Format = (typeof FORMATS)[number];

const TEXT_OF: Record<Format, (document: CheckDocument) => string> = {
  text: reportOf,
  json: (document) => JSON.stringify(document),
  prometheus: prometheusOf,
  nagios: nagiosOf,
  github: githubOf,
};

export type ShowOptions = { format: Format; output?: string | undefined };

/** Prints the document, or writes it to the file `output`, which is replaced in one step. */
export async function show(document: CheckDocument, { format, output }: ShowOptions): Promise<void> {
  const text = TEXT_OF[format](document);
  if (output !== undefined) return replaceFile(output, `${text}\n`);
  if (format !== 'text') return printLine(text);
  const [word = '', ...rest] = text.split(/(?=:)/);
  printLine(`${colour(COLOURS[document.verdict], word)}${rest.join('')}`);
}

const COLOURS = { well: 'green', wrong: 'red', unknown: 'yellow' } as const;

export function exitOf(verdict: CheckVerdict, format: Format): number {
  return format === 'nagios' ? NAGIOS_EXIT[verdict] : EXIT_OF[verdict];
}

const EXIT_OF = { well: EXIT.fine, wrong: EXIT.failed, unknown: EXIT.unreachable } as const;

/** A reader of the file sees all of the old text or all of the new. */
async function replaceFile(path: string, text: string): Promise<void> {
  // Collectors read every file of the folder that has their ending, so this one has another.
  const half = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    await writeFile(half, text);
    await rename(half, path);
  } catch (error) {
    await rm(half, { force: true }).catch(() => {});
    throw new CommandError(EXIT.usage, `--output ${path} cannot be written: ${(error as Error).message}`);
  }
}
