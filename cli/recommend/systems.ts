/** The five systems, when each fits, and how to set one up: the documents' table with our commands. */

export const SYSTEMS = ['sqs', 'logs', 's3', 'database', 'full'] as const;
export type SystemName = (typeof SYSTEMS)[number];

/** Needs, each a reason for one system or against another. */
export const NEEDS = {
  scaling: 'machines that scale with the queue, all on AWS',
  simple: 'a simple, immediate solution',
  structure: 'a state of each job that programs can read, at a low cost',
  queries: 'complex queries over jobs',
  cheap: 'the lowest cost',
  dashboards: 'live dashboards',
  metrics: 'custom metrics',
  apis: 'APIs, to build a product on',
  basic: 'only basic monitoring',
} as const;
export type Need = keyof typeof NEEDS;

export type System = {
  name: SystemName;
  title: string;
  /** Its place on the upgrade path: start at 1. */
  step: number;
  use_when: readonly Need[];
  dont_use_when: readonly Need[];
  use_when_words: string;
  dont_use_when_words: string;
  setup_time: string;
  setup: readonly string[];
  worker_url: string;
  check: string;
};

export const systems: readonly System[] = [
  {
    name: 'logs',
    title: 'Just Logs',
    step: 1,
    use_when: ['simple', 'basic', 'cheap'],
    dont_use_when: ['dashboards'],
    use_when_words: 'You want simple, immediate solution',
    dont_use_when_words: 'You need real-time dashboards',
    setup_time: '30 minutes',
    setup: ['aws logs create-log-group --log-group-name /aws/ec2/transcription'],
    worker_url: 'cloudwatch-logs:///aws/ec2/transcription',
    check: 'tmon check cloudwatch-logs:///aws/ec2/transcription',
  },
  {
    name: 'sqs',
    title: 'CloudWatch + SQS',
    step: 2,
    use_when: ['scaling', 'basic'],
    dont_use_when: ['metrics', 'queries', 'apis'],
    use_when_words: 'You want AWS-native, automatic scaling',
    dont_use_when_words: 'You need custom metrics',
    setup_time: '2 hours',
    setup: [
      'tmon aws template > transcription.yaml',
      'aws cloudformation deploy --stack-name transcription --template-file transcription.yaml --capabilities CAPABILITY_IAM --parameter-overrides …',
    ],
    worker_url: 'sqs://transcription-status',
    check: 'tmon aws status --stack transcription',
  },
  {
    name: 's3',
    title: 'Minimal S3',
    step: 3,
    use_when: ['structure', 'cheap'],
    dont_use_when: ['queries', 'dashboards'],
    use_when_words: 'You want some structure, low cost',
    dont_use_when_words: 'You need complex queries',
    setup_time: '1 hour',
    setup: ['aws s3 mb s3://status-bucket'],
    worker_url: 's3://status-bucket',
    check: 'tmon check s3://status-bucket',
  },
  {
    name: 'database',
    title: 'Database',
    step: 4,
    use_when: ['queries', 'dashboards', 'metrics'],
    dont_use_when: ['cheap', 'apis'],
    use_when_words: 'You need complex queries, dashboards',
    dont_use_when_words: 'You want to minimize costs',
    setup_time: '4 hours',
    setup: ['tmon db init postgres://user@host/db'],
    worker_url: 'postgres://user@host/db',
    check: 'tmon check postgres://user@host/db',
  },
  {
    name: 'full',
    title: 'Full S3 System',
    step: 5,
    use_when: ['apis', 'dashboards', 'metrics', 'queries'],
    dont_use_when: ['basic'],
    use_when_words: "You're building a product, need APIs",
    dont_use_when_words: 'You just want basic monitoring',
    setup_time: '10 minutes with this project (2-3 weeks to build)',
    setup: ['tmon serve --store s3://bucket/tmon'],
    worker_url: 'http://monitor:8080',
    check: 'tmon check http://monitor:8080',
  },
];

export type Recommendation = {
  system: System;
  /** Needs that it meets. */
  for: Need[];
  /** Needs that speak against it and that another system meets no better. */
  against: Need[];
};

/** The best system: without an objection if possible, then with most reasons, then the lowest step. */
export function recommend(needs: ReadonlySet<Need>): Recommendation {
  const judged = systems.map((system) => ({
    system,
    for: system.use_when.filter((need) => needs.has(need)),
    against: system.dont_use_when.filter((need) => needs.has(need)),
  }));
  judged.sort(
    (a, b) => a.against.length - b.against.length || b.for.length - a.for.length || a.system.step - b.system.step,
  );
  return judged[0]!;
}
