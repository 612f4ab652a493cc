import { type LoadedConfig, secretValuesOf } from "../config/mod.ts";
import { createRedactor } from "../ops/mod.ts";

/** Two ways to take secrets out: `known` those of the configuration, `everything` also what only looks like one. */
export function secretsOf(
  { config }: Pick<LoadedConfig, "config">,
): Record<"known" | "everything", (text: string) => string> {
  const redactor = createRedactor();
  const secrets = secretValuesOf(config);
  for (const secret of secrets) redactor.addSecret(secret);
  const known = (text: string) =>
    secrets.reduce((rest, secret) => rest.replaceAll(secret, "[REDACTED]"), text);
  return { known, everything: (text) => redactor.text(known(text)) };
}
