import { z } from "zod";
import { BINDINGS, type KnownLoss } from "./compare.ts";
import { REVISIONS } from "./suite.ts";

const FILE = new URL("./known_losses.json", import.meta.url);

const SCHEMA = z.strictObject({
  causes: z.record(z.string(), z.string()),
  losses: z.array(z.strictObject({
    revision: z.enum(REVISIONS),
    bindings: z.array(z.enum(BINDINGS)),
    scenario: z.string(),
    checks: z.record(z.string(), z.number().int().positive()),
    cause: z.string(),
  })),
});

/** Today's losses, each with its cause, and what each cause means. */
export interface KnownLosses {
  readonly causes: Readonly<Record<string, string>>;
  readonly losses: readonly KnownLoss[];
}

/**
 * Reads `known_losses.json`.
 * @throws {Error} when it is not as it should be, or a cause is missing or serves no loss
 */
export async function readKnownLosses(): Promise<KnownLosses> {
  const { causes, losses } = SCHEMA.parse(JSON.parse(await Deno.readTextFile(FILE)));
  const used = new Set(losses.map(({ cause }) => cause));
  for (const cause of used) {
    if (causes[cause] === undefined) {
      throw new Error(`known_losses.json does not explain the cause "${cause}"`);
    }
  }
  for (const cause of Object.keys(causes)) {
    if (!used.has(cause)) {
      throw new Error(`known_losses.json explains the cause "${cause}", which no loss has`);
    }
  }
  return { causes, losses };
}
