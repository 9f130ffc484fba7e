/** `tmon audit`: who did what, by which key and from where; and whether the journal that says so is whole. */
import { Command } from 'commander';
import type { AuditEntry } from '../protocol/audit.ts';
import { EXIT } from './exit-code.ts';
import { type ClientOptions, clientCommand, clientOf, jsonOption, moment, wholeNumber } from './options.ts';
import { colour, isTerminal, note, oneLine, printJson, printLine, printTable } from './output.ts';
import { settingsOf } from './serve.ts';

type AuditOptions = ClientOptions & {
  key?: string;
  actor?: string;
  event?: string;
  entity?: string;
  after?: string;
  before?: string;
  limit?: number;
};

export function auditCommand(): Command {
  const audit = new Command('audit').description('Who did what: list, export, verify.');
  audit.addCommand(
    filtered('list')
      .description('List the latest changes, newest first.')
      .option('--limit <n>', 'how many', wholeNumber, 100)
      .action(list),
    { isDefault: true },
  );
  audit.addCommand(
    filtered('export')
      .description('Print all changes that are kept, newest first, as NDJSON.')
      .action(async (options: AuditOptions) => {
        for await (const entry of entriesOf(options)) printJson(entry);
      }),
  );
  audit.addCommand(
    new Command('verify')
      .description('Walk the hash chains of a journal and of the audit: finds changed, removed and reordered bytes.')
      .requiredOption('--store <url>', 'dir:PATH or s3://bucket/prefix')
      .addOption(jsonOption())
      .action(verify),
  );
  return audit;
}

const filtered = (name: string): Command =>
  clientCommand(name)
    .option('--key <id>', 'only by this key')
    .option('--actor <name>', 'only by this actor: api, monitor, key:ID')
    .option('--event <type>', 'only these: JobCancelRequested, KeyCreated')
    .option('--entity <id>', 'only of this job, worker, alert or key')
    .option('--after <time>', 'at or after: 2025-07-07, or 12h, 7d ago', moment)
    .option('--before <time>', 'before', moment);

function entriesOf(options: AuditOptions): AsyncIterable<AuditEntry> {
  const { key, actor, event, entity, after, before } = options;
  return clientOf(options).audit.list({
    limit: 1000,
    ...(key === undefined ? {} : { key_id: key }),
    ...(actor === undefined ? {} : { actor }),
    ...(event === undefined ? {} : { event }),
    ...(entity === undefined ? {} : { entity }),
    ...(after === undefined ? {} : { after }),
    ...(before === undefined ? {} : { before }),
  });
}

async function list(options: AuditOptions): Promise<void> {
  const entries: AuditEntry[] = [];
  for await (const entry of entriesOf(options)) {
    if (entries.length === options.limit) break;
    entries.push(entry);
  }
  if (options.json) {
    for (const entry of entries) printJson(entry);
    return;
  }
  if (entries.length === 0 && isTerminal()) return note('nothing of the kind is in the journal');
  printTable(
    ['AT', 'BY', 'NAME', 'EVENT', 'OF', 'FROM', 'REQUEST'],
    entries.map(({ at, actor, key_name, event, entity, address, request_id }) => [
      at,
      actor,
      key_name ?? '–',
      event,
      entity,
      address ?? '–',
      request_id ?? '–',
    ]),
  );
}

async function verify({ store, json }: { store: string; json?: boolean }): Promise<void> {
  const { inspectStoreAt } = await import('../server/doctor.ts');
  const { s3Headers } = await import('../server/config.ts');
  const findings = await inspectStoreAt(store, { s3: s3Headers(settingsOf({ store })) });
  for (const finding of findings) {
    if (json) printJson(finding);
    else
      printLine(
        `${colour(finding.verdict === 'pass' || finding.verdict === 'skip' ? 'green' : 'red', finding.verdict)}  ${oneLine(finding.says)}`,
      );
  }
  if (findings.some(({ verdict }) => verdict !== 'pass' && verdict !== 'skip')) process.exitCode = EXIT.failed;
}
