/** What axe-core has against a page, as readable lines. */
import axe from 'axe-core';
import type { Page } from 'playwright-core';

type Violation = { id: string; help: string; nodes: { target: string[]; failureSummary?: string }[] };

const SHOWN_MAX = 3;

/** Empty if it finds nothing. */
export async function violationsOf(page: Page): Promise<string[]> {
  const loaded = await page.evaluate('typeof axe === "object"');
  if (!loaded) await page.evaluate(axe.source);
  const violations = (await page.evaluate(
    'axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations)',
  )) as Violation[];
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.slice(0, SHOWN_MAX).map(({ target, failureSummary = '' }) => {
      const why = failureSummary.split('\n')[1]?.trim() ?? '';
      return `${id}: ${help}: ${target.join(' ')}: ${why}`;
    }),
  );
}
