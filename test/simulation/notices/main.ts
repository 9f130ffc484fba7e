/** `node test/simulation/notices/main.ts`: histories of notifications. */
import { runCommand } from '../queue/command.ts';
import { NOTICE_RULES } from './rules.ts';

await runCommand({ histories: 1_000, rules: NOTICE_RULES, thread: new URL('./worker.ts', import.meta.url) });
