/**
 * The caller whose rights are checked: the account and role of the credentials, and the rights that IAM reports for a
 * role.
 */
import { IAMClient, SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { Outcome, Right } from './right.ts';

export type Caller = {
  /** As AWS names it. */
  arn: string;
  account: string;
  partition: string;
  /** The role or user whose policies apply; null if it has none to simulate, as for the account itself. */
  principal_arn: string | null;
};

export async function findCaller(): Promise<Caller> {
  const client = new STSClient();
  try {
    const { Arn = '', Account = '' } = await client.send(new GetCallerIdentityCommand({}));
    const [, partition = 'aws'] = Arn.split(':');
    return { arn: Arn, account: Account, partition, principal_arn: principalOf(Arn) };
  } finally {
    client.destroy();
  }
}

/** The role of a session. A session's name does not contain the role's path, if it has one. */
function principalOf(arn: string): string | null {
  const [, partition, account, role] = /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\//.exec(arn) ?? [];
  if (role !== undefined) return `arn:${partition}:iam::${account}:role/${role}`;
  return /:(user|role)\//.test(arn) ? arn : null;
}

/**
 * Asks IAM what a role's policies allow. Unlike an attempt, this ignores the policies of buckets, queues and the
 * organisation, so it is used only where no attempt is harmless, and for other roles.
 */
export class Simulation {
  readonly #client = new IAMClient();
  readonly #principal_arn: string | null;
  /** Why IAM cannot simulate; after a refusal no more requests are sent. */
  #refusal: string | null;

  constructor(principal_arn: string | null) {
    this.#principal_arn = principal_arn;
    this.#refusal = principal_arn === null ? 'the caller has no role or user whose policies could be simulated' : null;
  }

  async outcome({ action, resource, context = {} }: Right): Promise<Outcome> {
    if (this.#refusal !== null) return { is: 'unsure', because: this.#refusal };
    const ask = new SimulatePrincipalPolicyCommand({
      PolicySourceArn: this.#principal_arn!,
      ActionNames: [action],
      ResourceArns: [resource],
      ContextEntries: Object.entries(context).map(([ContextKeyName, value]) => ({
        ContextKeyName,
        ContextKeyValues: [value],
        ContextKeyType: 'string',
      })),
    });
    try {
      const { EvaluationResults = [] } = await this.#client.send(ask);
      const decision = EvaluationResults[0]?.EvalDecision;
      if (decision === undefined) return { is: 'unsure', because: 'IAM returned no decision' };
      return { is: decision === 'allowed' ? 'allowed' : 'denied' };
    } catch (error) {
      const { name } = error as Error;
      this.#refusal = `it cannot be tried without harm, and iam:SimulatePrincipalPolicy failed (${name})`;
      return { is: 'unsure', because: this.#refusal };
    }
  }

  close(): void {
    this.#client.destroy();
  }
}
