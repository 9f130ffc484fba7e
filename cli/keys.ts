/** `tmon keys`: API keys of a monitor, or of a store that no monitor holds. */
import { randomBytes } from 'node:crypto';
import { Command, Option } from 'commander';
import { type ApiKey, KEY_ROLES, type KeyCreation, type KeyRole, type NewApiKey } from '../protocol/api-keys.ts';
import { formatKey, newKeyId, newKeySecret } from '../protocol/key.ts';
import { type LimitOptions, limitsOf, withLimits } from './limit-options.ts';
import { type ClientOptions, clientCommand, clientOf, collect, jsonOption, moment } from './options.ts';
import { isTerminal, note, printJson, printLine, printTable } from './output.ts';
import { settingsOf } from './serve.ts';
import { span } from './span.ts';

type KeysOptions = ClientOptions & { store?: string };
type CreateOptions = KeysOptions &
  LimitOptions & {
    role: KeyRole;
    name?: string;
    tag?: string[];
    worker?: string;
    tenant?: string;
    expires?: string;
  };

/** What a client and a store have in common. */
type Keys = {
  list(): Promise<ApiKey[]>;
  create(creation: KeyCreation): Promise<NewApiKey>;
  rotate(key_id: string, overlap_seconds?: number): Promise<NewApiKey>;
  revoke(key_id: string): Promise<ApiKey>;
};

export function keysCommand(): Command {
  const keys = new Command('keys').description('API keys: list, create, rotate, revoke.');
  keys.addCommand(keysClient('list').description('List the keys, without their secrets.').action(list), {
    isDefault: true,
  });
  keys.addCommand(
    withLimits(
      keysClient('create')
        .description('Create a key and print it, once. The first key of a store has to be an admin’s.')
        .addOption(new Option('--role <role>', 'what it may do').choices(KEY_ROLES).makeOptionMandatory())
        .option('--name <text>', 'what it is for')
        .option('--tag <tag>', 'read, submit: only jobs with this tag; repeatable', collect)
        .option('--worker <id>', 'worker: only as this worker')
        .option('--tenant <id>', 'all but admin: only jobs of this tenant')
        .option('--expires <time>', 'when it ends: 2027-01-31, 2027-01-31T12:00:00Z', moment),
    ).action(create),
  );
  keys.addCommand(
    keysClient('rotate')
      .description('Give a key a new secret and print it, once.')
      .argument('<key>', 'its id')
      .option('--overlap <time>', 'how long the present secret is accepted, too: 1s, 1h, 7d', span, 86_400_000)
      .action(async (id: string, options: KeysOptions & { overlap: number }) => {
        await withKeys(options, async (keys) => printNew(await keys.rotate(id, options.overlap / 1000), options));
      }),
  );
  keys.addCommand(
    keysClient('revoke')
      .description('Revoke a key: it is refused from now on.')
      .argument('<key>', 'its id')
      .action(async (id: string, options: KeysOptions) => {
        await withKeys(options, async (keys) => {
          const revoked = await keys.revoke(id);
          if (options.json) printJson(revoked);
          else printLine(`${revoked.id} is revoked`);
        });
      }),
  );
  keys.addCommand(
    new Command('generate')
      .description('Make an admin key that is in no store, and its hash for TMON_ADMIN_KEY_HASH.')
      .addOption(jsonOption())
      .action(generate),
  );
  return keys;
}

const keysClient = (name: string): Command =>
  clientCommand(name).option('--store <url>', 'the store itself, in place of a monitor: dir:PATH, s3://bucket/prefix');

async function withKeys(options: KeysOptions, use: (keys: Keys) => Promise<void>): Promise<void> {
  const { store } = options;
  if (store === undefined) {
    const { keys } = clientOf(options);
    return use({
      list: async () => (await keys.list().page()).items as ApiKey[],
      create: (creation) => keys.create(creation),
      rotate: (id, overlap_seconds) => keys.rotate(id, overlap_seconds === undefined ? {} : { overlap_seconds }),
      revoke: (id) => keys.revoke(id),
    });
  }
  const { withKeysOf } = await import('../server/keys.ts');
  await withKeysOf(settingsOf({ store }), (keys) => use({ ...keys, list: async () => keys.list() }));
}

async function list(options: KeysOptions): Promise<void> {
  await withKeys(options, async (keys) => {
    const found = await keys.list();
    if (options.json) {
      for (const key of found) printJson(key);
      return;
    }
    if (found.length === 0 && isTerminal())
      return note('there are no keys: everybody on this machine may do everything');
    printTable(
      ['KEY', 'ROLE', 'NAME', 'ONLY', 'CREATED', 'LAST USED', 'STATUS'],
      found.map((key) => [
        key.id,
        key.role,
        key.name,
        onlyOf(key),
        key.created_at,
        key.last_used_at ?? '–',
        statusOf(key),
      ]),
    );
  });
}

const onlyOf = ({ tenant, worker_id, tags }: ApiKey): string =>
  [...(tenant === null ? [] : [`tenant ${tenant}`]), ...(worker_id === null ? (tags ?? []) : [worker_id])].join(', ') ||
  '–';

function statusOf({ revoked_at, expires_at }: ApiKey): string {
  if (revoked_at !== null) return `revoked ${revoked_at}`;
  if (expires_at === null) return 'valid';
  return Date.parse(expires_at) <= Date.now() ? `expired ${expires_at}` : `valid until ${expires_at}`;
}

async function create(options: CreateOptions): Promise<void> {
  const { role, name, tag, worker, tenant, expires } = options;
  const creation = {
    role,
    ...(name === undefined ? {} : { name }),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(worker === undefined ? {} : { worker_id: worker }),
    ...(tenant === undefined ? {} : { tenant }),
    ...limitsOf(options),
    ...(expires === undefined ? {} : { expires_at: expires }),
  };
  await withKeys(options, async (keys) => printNew(await keys.create(creation), options));
}

/** The key alone on stdout, so that a script can keep it. */
function printNew(made: NewApiKey, { json }: { json?: boolean }): void {
  if (json) return printJson(made);
  printLine(made.key);
  if (isTerminal()) note(`the key ${made.id}, with the role ${made.role}; it is not shown again`);
}

async function generate({ json }: { json?: boolean }): Promise<void> {
  const { hashOfKey } = await import('../server/keys.ts');
  const key = formatKey({ id: newKeyId(randomBytes), secret: newKeySecret(randomBytes) });
  const hash = hashOfKey(key);
  if (json) return printJson({ key, hash });
  printLine(key);
  printLine(hash);
  if (isTerminal()) note('the key, then its hash for TMON_ADMIN_KEY_HASH; neither is shown again');
}
