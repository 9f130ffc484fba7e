/** `node test/simulation/tenants/main.ts`: histories of tenants that share workers. */
import { runCommand } from '../queue/command.ts';
import { TENANT_RULES } from './rules.ts';

await runCommand({ histories: 1_000, rules: TENANT_RULES, thread: new URL('./worker.ts', import.meta.url) });
