/**
 * The blocks of code in the pages of the documentation, and the commands in them. A block that no test runs has the reason above it,
 * which readers don't see: `<!-- not run: needs an AWS account -->`, or, for some of its commands,
 * `<!-- not run: "tmon doctor": needs an AWS account -->` with how they begin. One that has a test of its own names it:
 * `<!-- run by server/analytics/page.test.ts -->`.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export const PAGES = globSync('{*.md,docs/**/*.md,sdk/*/README.md,examples/**/README.md}', {
  cwd: ROOT,
  exclude: ['**/node_modules/**'],
})
  .map((page) => page.replaceAll('\\', '/'))
  .filter((page) => page !== 'CHANGELOG.md')
  .sort();

export type Block = {
  page: string;
  /** Of its first line, from 1. */
  line: number;
  /** `sh`, `python`, …; empty for output, pictures and formats. */
  language: string;
  text: string;
  skips: Skip[];
};

/** `command`: how the commands begin that are not run; null for the whole block. `file`: the test that runs it instead. */
export type Skip = { command: string | null; reason: string; file?: string };

export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  const lines = readFileSync(join(ROOT, page), 'utf8').split('\n');
  let skips: Skip[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at]!;
    if (!line.startsWith('```')) {
      const [, command = null, reason, file] = MARK.exec(line) ?? [];
      if (file !== undefined) skips.push({ command, reason: `${file} runs it`, file });
      else if (reason !== undefined) skips.push({ command, reason });
      else if (line.trim() !== '') skips = [];
      continue;
    }
    const end = lines.indexOf('```', at + 1);
    if (end === -1) throw new Error(`${page}:${at + 1}: the block has no end`);
    const text = lines.slice(at + 1, end).join('\n');
    blocks.push({ page, line: at + 2, language: line.slice(3).trim(), text, skips });
    skips = [];
    at = end;
  }
  return blocks;
}

const MARK = /^<!-- (?:not run(?:: "([^"]+)")?: (.+)|run by (\S+)) -->$/;

export type Command = {
  /** As a shell takes it, of one or more lines. */
  text: string;
  where: string;
  /** What the page prints below it; null if it prints nothing. */
  output: string | null;
  /** Why it is not run; null if it is. */
  not_run: string | null;
};

/** Of a block of a shell: its commands, or the whole script. Of one without a language: those behind `$ `. */
export function commandsOf(block: Block): Command[] {
  const { language, text } = block;
  if (language === 'sh') return text.startsWith('#!') ? [commandOf(block, text, 0)] : inShell(block);
  return language === '' ? behindPrompts(block) : [];
}

function inShell(block: Block): Command[] {
  const commands: Command[] = [];
  let open: string[] = [];
  for (const [at, line] of block.text.split('\n').entries()) {
    if (open.length === 0 && (line.trim() === '' || line.startsWith('#'))) continue;
    open.push(line);
    const quotes =
      open
        .join('\n')
        .replace(/ +# .*/g, '')
        .split("'").length - 1;
    if (line.endsWith('\\') || quotes % 2 === 1) continue;
    commands.push(commandOf(block, open.join('\n'), at + 1 - open.length));
    open = [];
  }
  if (open.length > 0) throw new Error(`${block.page}:${block.line}: the last command has no end`);
  return commands;
}

function behindPrompts(block: Block): Command[] {
  const commands: Command[] = [];
  for (const [at, line] of block.text.split('\n').entries()) {
    const last = commands.at(-1);
    if (line.startsWith('$ ')) commands.push({ ...commandOf(block, line.slice(2), at), output: '' });
    else if (last !== undefined) last.output += `${line}\n`;
  }
  return commands;
}

function commandOf({ page, line, skips }: Block, text: string, at: number): Command {
  const skip = skips.find(({ command }) => command === null || text.startsWith(command));
  return { text, where: `${page}:${line + at}`, output: null, not_run: skip?.reason ?? null };
}

/** Of the block as a whole. */
export const notRun = ({ skips }: Block): string | null =>
  skips.find(({ command }) => command === null)?.reason ?? null;
