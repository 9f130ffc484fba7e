/** What a failure of Redis means, and what its owner can do about it. */

const HINTS: readonly (readonly [RegExp, string])[] = [
  [/^(ECONNREFUSED|ENOENT)/, 'Start Redis, or correct --cache.'],
  [/^(ENOTFOUND|EAI_AGAIN)/, 'Correct the host in --cache.'],
  [/certificate/, 'Trust the certificate of its authority: NODE_EXTRA_CA_CERTS=FILE.'],
  [/^(WRONGPASS|NOAUTH|ERR (AUTH|invalid password))/, 'Correct the user and password in --cache.'],
  [
    /^NOPERM/,
    'Permit the user: ACL SETUSER NAME ~job:* ~job-ended:* +@connection +eval +get +setex +del (and +select for a DB).',
  ],
  [/^READONLY/, 'It is a replica: name its primary in --cache.'],
  [/^OOM/, 'Raise maxmemory, or set maxmemory-policy to volatile-ttl.'],
  [/^MISCONF/, 'Redis cannot save to its disk: free some space, or configure it as a cache with `save ""`.'],
  [/^DENIED/, 'Redis is in protected mode: give it a password, or bind it to the loopback address.'],
  [/^(MOVED|CROSSSLOT|CLUSTERDOWN)/, 'It is a cluster: use a single Redis.'],
  [/^ERR (DB index|invalid DB)/, 'Correct the number of the database in --cache.'],
];

/** `ECONNREFUSED 127.0.0.1:6379`, or Redis's own words. For a host with several addresses, the first one's. */
export function reasonOf(error: unknown): string {
  const first = error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
  if (!(first instanceof Error)) return String(first);
  const { code } = first as NodeJS.ErrnoException;
  return (first.message.replace(/^(connect|getaddrinfo) /, '') || code || first.name).trim();
}

export function hintFor(reason: string): string | undefined {
  return HINTS.find(([pattern]) => pattern.test(reason))?.[1];
}
