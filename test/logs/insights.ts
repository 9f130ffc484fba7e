/**
 * The part of CloudWatch Logs Insights that `tmon logs --print-query` uses, over lines in memory: fields, filter, parse, stats, sort, display.
 * It is ours, written after AWS's reference of the language: no registry has a parser of it, and moto ignores all but fields, sort and limit.
 * What it does not know it refuses.
 */
export type LogLine = { timestamp_ms: number; message: string };
export type Row = Record<string, string | number | null>;

export function runInsights(query: string, lines: readonly LogLine[]): Row[] {
  let rows: Row[] = lines.map(({ timestamp_ms, message }) => ({ '@timestamp': timestamp_ms, '@message': message }));
  for (const command of query.split(/\s*\n\| /)) {
    const [, name = '', rest = ''] = /^(\w+)\s+(.*?)\s*$/s.exec(command) ?? [];
    const run = COMMANDS[name];
    if (run === undefined) throw new Error(`unknown command: ${command}`);
    rows = run(rest, rows);
  }
  return rows;
}

const COMMANDS: Record<string, (rest: string, rows: Row[]) => Row[]> = {
  fields: (rest, rows) => {
    const named = partsOf(rest).map(withName);
    return rows.map((row) => ({
      ...row,
      ...Object.fromEntries(named.map(({ text, name }) => [name, cellOf(text, row)])),
    }));
  },
  filter: (rest, rows) => {
    const [, field = '', not, pattern] = /^(\S+) (not )?like \/(.*)\/$/.exec(rest) ?? refuse(rest);
    return rows.filter((row) => new RegExp(pattern!).test(String(row[field] ?? '')) === (not === undefined));
  },
  parse: (rest, rows) => {
    const [, field = '', pattern = ''] = /^(\S+) \/(.*)\/$/.exec(rest) ?? refuse(rest);
    const names = [...pattern.matchAll(/\(\?<(\w+)>/g)].map(([, name]) => name!);
    return rows.map((row) => {
      const groups = new RegExp(pattern).exec(String(row[field]))?.groups ?? {};
      return { ...row, ...Object.fromEntries(names.map((name) => [name, groups[name] ?? null])) };
    });
  },
  stats: (rest, rows) => {
    const [, all = '', by] = /^(.*?)(?: by (.*))?$/.exec(rest) ?? refuse(rest);
    const columns = partsOf(all).map(withName);
    const keys = by === undefined ? [] : partsOf(by).map(withName);
    const groups = Map.groupBy(rows, (row) => JSON.stringify(keys.map(({ text }) => cellOf(text, row))));
    return [...groups.values()].map((group) => ({
      ...Object.fromEntries(keys.map(({ text, name }) => [name, cellOf(text, group[0]!)])),
      ...Object.fromEntries(columns.map(({ text, name }) => [name, aggregate(text, group)])),
    }));
  },
  sort: (rest, rows) => {
    const [, field = '', order] = /^(\S+) (asc|desc)$/.exec(rest) ?? refuse(rest);
    const sign = order === 'asc' ? 1 : -1;
    return rows.toSorted((a, b) => (a[field]! < b[field]! ? -sign : a[field]! > b[field]! ? sign : 0));
  },
  display: (rest, rows) =>
    rows.map((row) => Object.fromEntries(partsOf(rest).map((name) => [name, row[name] ?? null]))),
};

/** At commas outside of parentheses. */
const partsOf = (text: string): string[] => text.split(/,(?![^(]*\))/).map((part) => part.trim());

function withName(part: string): { text: string; name: string } {
  const [, text = part, name = part] = /^(.*) as (\w+)$/.exec(part) ?? [];
  return { text, name };
}

function cellOf(text: string, row: Row): string | number | null {
  const [, field, needle] = /^strcontains\((\S+), '([^']*)'\)$/.exec(text) ?? [];
  if (field !== undefined) return String(row[field]).includes(needle!) ? 1 : 0;
  const [, minutes] = /^bin\((\d+)m\)$/.exec(text) ?? [];
  if (minutes !== undefined) {
    const step_ms = Number(minutes) * 60_000;
    return Math.floor(Number(row['@timestamp']) / step_ms) * step_ms;
  }
  return /^@?\w+$/.test(text) ? (row[text] ?? null) : refuse(text);
}

/** One function of a column, or a quotient of two with a factor. */
function aggregate(text: string, rows: Row[]): string | number {
  const [, factor, above, below] = /^(\d+) \* (\w+\(.*?\)) \/ (\w+\(.*?\))$/.exec(text) ?? [];
  if (factor !== undefined) return (Number(factor) * Number(aggregate(above!, rows))) / Number(aggregate(below!, rows));
  const [, name, field = ''] = /^(\w+)\(([@\w*]*)\)$/.exec(text) ?? refuse(text);
  const values = rows.map((row) => row[field] ?? null);
  if (name === 'count') return rows.length;
  if (name === 'sum') return values.reduce<number>((sum, value) => sum + Number(value), 0);
  if (name === 'max') return Math.max(...values.map(Number));
  if (name !== 'latest') return refuse(text);
  const latest = rows.reduce((last, row) => (row['@timestamp']! >= last['@timestamp']! ? row : last));
  return latest[field] ?? '';
}

function refuse(text: string): never {
  throw new Error(`not understood: ${text}`);
}
