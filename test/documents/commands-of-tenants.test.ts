/** The commands of docs/tenants.md run as printed, with the key of an admin. */
import { test } from 'node:test';
import { runPage } from './runners.ts';
import { openScene, withMonitor } from './scene.ts';

test('the commands of the page about tenants run as printed', async (t) => {
  const scene = await openScene(t);
  const { api } = await withMonitor(t, scene);
  scene.environment.TMON_API_KEY = (await api.keys.create({ role: 'admin' })).key;
  await runPage(t, scene, { page: 'docs/tenants.md' });
});
