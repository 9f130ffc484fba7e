/** The commands of the pages about operations and AWS run as printed, on moto. */
import { test } from 'node:test';
import { runPage } from './runners.ts';
import { openScene, withAws } from './scene.ts';

test('the commands of the pages about operations and AWS run as printed', async (t) => {
  const scene = await openScene(t);
  await withAws(t, scene);
  scene.replace('REGION:ACCOUNT', 'us-east-1:123456789012');
  for (const page of ['docs/aws.md', 'docs/operations.md']) await runPage(t, scene, { page });
});
