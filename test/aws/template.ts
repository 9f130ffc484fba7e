/** A CloudFormation template as deployed: conditions evaluated, functions and references replaced by values. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { cfnLintEnvironment } from '../setup/cfn-lint.ts';

// biome-ignore lint/suspicious/noExplicitAny: a template's properties have any shape; assertions check them.
export type Value = any;
export type Resource = { Type: string; Properties: Value };

type Template = {
  Parameters: Record<string, { Default?: Value }>;
  Conditions: Record<string, Value>;
  Resources: Record<string, Resource & { Condition?: string; DependsOn?: string }>;
  Outputs: Record<string, { Value: Value; Condition?: string }>;
};

export type Stack = {
  resources: Record<string, Resource>;
  outputs: Record<string, Value>;
};

/** Values of references: parameters, physical ids (`Bucket`), attributes (`Bucket.Arn`), pseudo parameters. */
export type References = Record<string, Value>;

/** Reads YAML with CloudFormation's short tags. */
export async function readTemplate(file: string): Promise<Template> {
  const { python } = await ensurePythonEnvironment(cfnLintEnvironment);
  const program = 'import cfnlint.decode, json, sys; print(json.dumps(cfnlint.decode.decode(sys.argv[1])[0]))';
  const { status, stdout, stderr } = spawnSync(python, ['-c', program, file], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Template;
}

export function resolveTemplate(template: Template, references: References): Stack {
  const defaults = Object.entries(template.Parameters).map(([name, { Default }]) => [name, Default]);
  const resolver = new Resolver(template.Conditions, { ...Object.fromEntries(defaults), ...references });
  const present = <T extends { Condition?: string }>(all: Record<string, T>): [string, T][] =>
    Object.entries(all).filter(([, { Condition }]) => Condition === undefined || resolver.holds(Condition));
  const resources = present(template.Resources).map(([id, { Type, Properties }]) => [
    id,
    { Type, Properties: resolver.value(Properties) },
  ]);
  const outputs = present(template.Outputs).map(([name, output]) => [name, resolver.value(output.Value)]);
  return { resources: Object.fromEntries(resources), outputs: Object.fromEntries(outputs) };
}

const NOTHING = Symbol('AWS::NoValue');

class Resolver {
  readonly #conditions: Record<string, Value>;
  readonly #references: References;

  constructor(conditions: Record<string, Value>, references: References) {
    this.#conditions = conditions;
    this.#references = references;
  }

  holds(condition: string): boolean {
    return this.value(this.#conditions[condition]) as boolean;
  }

  value(template: Value): Value {
    if (Array.isArray(template)) return template.map((each) => this.value(each)).filter((each) => each !== NOTHING);
    if (typeof template !== 'object' || template === null) return template;
    const [[name, argument] = ['', null], ...more] = Object.entries(template);
    const apply = more.length === 0 ? this.#functions[name] : undefined;
    if (apply) return apply(argument);
    const entries = Object.entries(template).map(([key, each]) => [key, this.value(each)] as const);
    return Object.fromEntries(entries.filter(([, each]) => each !== NOTHING));
  }

  readonly #functions: Record<string, (argument: Value) => Value> = {
    Ref: (name) => (name === 'AWS::NoValue' ? NOTHING : this.#reference(name)),
    'Fn::GetAtt': (path) => this.#reference([path].flat().join('.')),
    'Fn::Equals': ([one, other]) => String(this.value(one)) === String(this.value(other)),
    'Fn::Not': ([condition]) => !this.value(condition),
    'Fn::If': ([condition, then, otherwise]) => this.value(this.holds(condition) ? then : otherwise),
    'Fn::Join': ([separator, parts]) => this.value(parts).join(separator),
    'Fn::Select': ([index, list]) => this.value(list)[Number(index)],
    'Fn::Base64': (text) => this.value(text),
    'Fn::Sub': (argument) => {
      const [text, names] = Array.isArray(argument) ? argument : [argument, {}];
      return text.replace(/\$\{(!?)([^}]+)\}/g, (_: string, literal: string, name: string) =>
        literal ? `\${${name}}` : String(name in names ? this.value(names[name]) : this.#reference(name)),
      );
    },
  };

  #reference(name: string): Value {
    assert.ok(name in this.#references, `unknown reference ${name}`);
    return this.#references[name];
  }
}
