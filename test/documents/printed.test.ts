/** What is so of every block and command in the pages, whether it is run or not. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Block, blocksOf, commandsOf, notRun, PAGES, ROOT } from './blocks.ts';
import { RUNNERS } from './runners.ts';
import { simpleCommands, tmonCommands, whyRefused } from './tmon-words.ts';

const BLOCKS = PAGES.flatMap(blocksOf);

const TESTS = globSync('commands-*.test.ts', { cwd: join(ROOT, 'test/documents') })
  .map((file) => readFileSync(join(ROOT, 'test/documents', file), 'utf8'))
  .join('\n');

test('every block is run by a test, or has the reason why it is not', () => {
  const wrong: string[] = [];
  for (const block of BLOCKS) {
    const { page, line, language, skips } = block;
    if (language !== '' && RUNNERS[language] === undefined && notRun(block) === null) {
      wrong.push(`${page}:${line}: nothing runs ${language}`);
    }
    const runs = notRun(block) === null && (language !== '' || commandsOf(block).length > 0);
    if (runs && !TESTS.includes(`'${page}'`)) wrong.push(`${page}:${line}: no test runs this page`);
    for (const { file } of skips) {
      const names = file === undefined || readFileSync(join(ROOT, file), 'utf8').includes(page.split('/').at(-1)!);
      if (!names) wrong.push(`${page}:${line}: ${file} does not read this page`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('a block that is not run as commands has none', () => {
  const commands =
    /^(?:\$ )?(?:npx |sudo )?(?:tmon|npm|node|curl|aws|pip|docker|kubectl|systemctl|journalctl|sqlite3|psql) /m;
  const wrong = BLOCKS.filter(
    (block) => block.language === '' && commandsOf(block).length === 0 && commands.test(block.text),
  );
  assert.deepEqual(
    wrong.map(({ page, line }) => `${page}:${line}`),
    [],
  );
});

test('no command that is skipped is missing in its block', () => {
  const wrong: string[] = [];
  for (const block of BLOCKS) {
    for (const { command } of block.skips) {
      const found = command === null || commandsOf(block).some(({ text }) => text.startsWith(command));
      if (!found) wrong.push(`${block.page}:${block.line}: no command begins with ${command}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('scripts of npm and programs of this repository that pages name are there', () => {
  const scriptsOf = (folder: string) =>
    (JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as { scripts: Record<string, string> })
      .scripts;
  const wrong: string[] = [];
  const look = (page: string, words: string[]) => {
    const [first, second = '', third = ''] = words[0] === 'npx' ? words.slice(1) : words;
    const script = first === 'npm' && second === 'run' ? third : first === 'npm' && second === 'test' ? 'test' : null;
    const workspace = words[words.indexOf('-w') + 1];
    const scripts = script === null ? {} : scriptsOf(words.includes('-w') ? workspace! : '');
    if (script !== null && scripts[script] === undefined) wrong.push(`${page}: npm run ${script}`);
    const file = first === 'node' ? words.find((word) => /^[\w./-]+\.ts$/.test(word)) : undefined;
    if (file !== undefined && !existsSync(join(ROOT, file))) wrong.push(`${page}: node ${file}`);
  };
  for (const page of PAGES) {
    const commands = blocksOf(page)
      .flatMap(commandsOf)
      .map(({ text }) => text);
    for (const text of [...commands, ...codeWithin(page)]) for (const words of simpleCommands(text)) look(page, words);
  }
  assert.deepEqual(wrong, []);
});

test('every tmon command in a block has options and arguments that the command line takes', async () => {
  const wrong: string[] = [];
  let checked = 0;
  for (const block of BLOCKS.filter(({ language }) => ['sh', 'cron', 'ini', 'yaml', 'nagios'].includes(language))) {
    const commands = commandsOf(block);
    const texts = commands.length > 0 ? commands.map(({ text }) => text) : linesWithTmon(block);
    for (const words of texts.flatMap(tmonCommands)) {
      checked += 1;
      const why = await whyRefused(words);
      if (why !== null) wrong.push(`${block.page}:${block.line}: tmon ${words.join(' ')}: ${why}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(checked > 40, `only ${checked} commands`);
});

/** Of a crontab, a unit, a workflow: what stands before the command is left out. */
const linesWithTmon = ({ text }: Block): string[] =>
  text.split('\n').flatMap((line) => /(?:^|[\s=:])((?:\/\S*\/)?tmon(?:\.mjs)? .*)$/.exec(line)?.slice(1) ?? []);

test('every tmon command within the text of a page has options that the command line takes', async () => {
  const wrong: string[] = [];
  let checked = 0;
  for (const page of PAGES) {
    for (const code of codeWithin(page)) {
      for (const words of tmonCommands(code).filter(([name]) => name !== undefined)) {
        checked += 1;
        const why = await whyRefused(words, { mention: true });
        if (why !== null) wrong.push(`${page}: ${code}: ${why}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(checked > 150, `only ${checked} commands`);
});

/** What stands between backticks, outside of blocks. */
function codeWithin(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8').replace(/^```[\s\S]*?^```/gm, '');
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!.replaceAll('\\|', '|'));
}
