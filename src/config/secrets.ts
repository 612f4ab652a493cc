import { parseReference } from "./references.ts";
import type { ConfigSources } from "./load_run_config.ts";
import type { RunConfig } from "./run_config.ts";
import { type Setting, SETTINGS } from "./settings.ts";

/** Secrets of this program that `run` never needs, but a shell may well have exported (ST-6). */
const FOREIGN_SECRET_VARIABLES = ["OPENAI_ADMIN_KEY", "CLOUDFLARED_TUNNEL_TOKEN"];

/** Shorter texts occur in innocent places; replacing them everywhere would make logs unreadable. */
const MIN_SECRET_LENGTH = 6;

/**
 * Names of the environment variables that are set and hold secrets: those of secret settings, and those that an `env:`
 * reference in one of them names. Whoever has read the configuration deletes them from the process (ST-6).
 */
export function secretNamesOf({ flags, env }: Pick<ConfigSources, "flags" | "env">): readonly string[] {
  const names = new Set(FOREIGN_SECRET_VARIABLES);
  for (const setting of SETTINGS as readonly Setting[]) {
    if (!setting.secret) continue;
    names.add(setting.env);
    if (setting.fallbackEnv !== undefined) names.add(setting.fallbackEnv);
    const texts = [flags[setting.name], setting.alias === undefined ? undefined : flags[setting.alias]]
      .flat();
    if (setting.type === "headers") texts.push(...(env[setting.env] ?? "").split(/[,;]/));
    for (const text of texts) {
      const value = setting.type === "headers" ? text?.slice(text.indexOf(":") + 1).trim() : text;
      const reference = parseReference(value ?? "");
      if (reference?.kind === "env") names.add(reference.target);
    }
  }
  return [...names].filter((name) => Object.hasOwn(env, name)).sort();
}

/**
 * Every secret text that the configuration holds, longest first, for a redactor: API key, header values (with and without
 * an authentication scheme in front), user info and query of URLs. Texts of fewer than 6 characters are left out.
 */
export function secretValuesOf(config: RunConfig): readonly string[] {
  const { controlPlane, mcp } = config;
  const values = new Set([controlPlane.apiKey]);
  for (const [, value] of [...controlPlane.extraHeaders, ...mcp.extraHeaders, ...mcp.discoveryExtraHeaders]) {
    values.add(value);
    values.add(value.replace(/^(?:Bearer|Basic|Token) +/i, ""));
  }
  const urls = mcp.bindings.flatMap((binding) =>
    binding.transport === "http-streamable" ? [binding.url] : []
  );
  for (const url of [controlPlane.baseUrl, ...urls]) {
    const { username, password, search } = new URL(url);
    values.add(search.slice(1));
    for (const text of [username, password]) {
      values.add(text);
      values.add(unescaped(text));
    }
  }
  return [...values].filter((value) => value.length >= MIN_SECRET_LENGTH).sort((a, b) => b.length - a.length);
}

/** The text behind percent escapes; as it stands when they are broken. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
