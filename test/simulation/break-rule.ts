/** Breaks one rule in this thread: the lines that it names are replaced when their file is loaded, and only here. */
import { registerHooks } from 'node:module';
import { RULES, type Rule } from './rules.ts';

/** Call it before anything of the product is imported. Throws on an unknown rule. */
export function breakRule(name: string, rules: readonly Rule[] = RULES): void {
  const rule = rules.find((rule) => rule.name === name);
  if (!rule) {
    throw new Error(`unknown rule ${name}; the rules are: ${rules.map(({ name }) => name).join(', ')}`);
  }
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.endsWith(`/${rule.file}`)) return loaded;
      return { ...loaded, source: broken(rule, Buffer.from(loaded.source as Uint8Array).toString()) };
    },
  });
}

/** The file without the rule. Throws if a line no longer exists, so that no rule is broken in name only. */
export function broken(rule: Rule, source: string): string {
  let text = source;
  for (const [from, to] of rule.replace) {
    const count = text.split(from).length - 1;
    if (count !== 1) throw new Error(`rule ${rule.name}: ${rule.file} has this ${count} times, not once: ${from}`);
    text = text.replace(from, () => to);
  }
  return text;
}
