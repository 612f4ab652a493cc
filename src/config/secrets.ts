import { parseReference } from "./references.ts";
import { type FileNode, nodeAt } from "./file_tree.ts";
import type { ParsedFlags } from "./flags.ts";
import { isCredentialName } from "./credential_name.ts";
import type { ProxyChoice } from "./network_config.ts";
import type { RunConfig } from "./run_config.ts";
import type { Setting } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

/** Secrets of this program that `run` never needs, but a shell may well have exported (ST-6). */
const FOREIGN_SECRET_VARIABLES = ["OPENAI_ADMIN_KEY", "CLOUDFLARED_TUNNEL_TOKEN"];

/** Shorter texts occur in innocent places; replacing them everywhere would make logs unreadable. */
const MIN_SECRET_LENGTH = 6;

/** Sources of a configuration, as far as they can name variables with secrets. */
export interface SecretSources {
  readonly flags: ParsedFlags;
  readonly env: Readonly<Record<string, string>>;
  /** What the file says; undefined without one. */
  readonly root?: FileNode;
}

/**
 * Names of the environment variables that are set and hold secrets: those of secret settings, those that an `env:`
 * reference in one of them names, and those that hold a URL with a password. Whoever has read the configuration deletes
 * them from the process (ST-6).
 */
export function secretNamesOf({ flags, env, root }: SecretSources): readonly string[] {
  const names = new Set(FOREIGN_SECRET_VARIABLES);
  for (const setting of SETTINGS as readonly Setting[]) {
    const referenced = referencesOf(setting, { flags, env, root });
    if (setting.secret === true || setting.members !== undefined) {
      for (const name of referenced) names.add(name);
    }
    const isSecret = setting.secret === true;
    if (isSecret || hasUserInfo(env[setting.env])) names.add(setting.env);
    if (isSecret && setting.fallbackEnv !== undefined) names.add(setting.fallbackEnv);
    if (setting.type !== "proxy-ref" && setting.type !== "url") continue;
    // The conventional variables are for children too.
    for (const name of referenced) {
      if (hasUserInfo(env[name]) && !/^https?_proxy$/i.test(name)) names.add(name);
    }
  }
  return [...names].filter((name) => Object.hasOwn(env, name)).sort();
}

/** The variables that `env:` references in any source of a setting name, whether they are set or not. */
function referencesOf(setting: Setting, { flags, env, root }: SecretSources): readonly string[] {
  const texts = [
    ...flags[setting.name] ?? [],
    ...setting.alias === undefined ? [] : flags[setting.alias] ?? [],
  ];
  if (setting.type === "headers") texts.push(...(env[setting.env] ?? "").split(/[,;]/));
  const values = setting.type === "headers"
    ? texts.map((text) => text.slice(text.indexOf(":") + 1).trim())
    : [...texts, env[setting.env] ?? ""];
  const node = setting.yaml === undefined ? undefined : nodeAt(root, setting.yaml.split("."));
  if (node !== undefined) collectTexts(node, values);
  return values.flatMap((value) => {
    const reference = parseReference(value.trim());
    return reference?.kind === "env" ? [reference.target.trim()] : [];
  });
}

function collectTexts(node: FileNode, texts: string[]): void {
  if (node.kind === "text") texts.push(node.text);
  else if (node.kind === "list") node.items.forEach((item) => collectTexts(item, texts));
  else if (node.kind === "map") node.entries.forEach(({ value }) => collectTexts(value, texts));
}

function hasUserInfo(text: string | undefined): boolean {
  return text !== undefined && /:\/\/[^/?#\s]*@/.test(text);
}

/**
 * Every secret text that the configuration holds, longest first, for a redactor: API key, token, header values (with and
 * without an authentication scheme in front), variables of children that are called like a secret, user info and query of
 * URLs. Texts of fewer than 6 characters are left out.
 */
export function secretValuesOf(config: RunConfig): readonly string[] {
  const { controlPlane, mcp, harpoon, cloudflared, environmentProxies } = config;
  const values = new Set([controlPlane.apiKey, cloudflared.token]);
  const templates = harpoon.targets.flatMap((target) => target.kind === "template" ? [target.template] : []);
  const headers = [
    ...controlPlane.extraHeaders,
    ...mcp.extraHeaders,
    ...mcp.discoveryExtraHeaders,
    ...templates.flatMap((template) => template.headers),
  ];
  for (const [, value] of headers) {
    values.add(value);
    values.add(value.replace(/^(?:Bearer|Basic|Token) +/i, ""));
  }
  const urls = [controlPlane.baseUrl, ...proxyUrls([controlPlane.proxy, harpoon.proxy])];
  for (const binding of mcp.bindings) {
    if (binding.transport === "http-streamable") {
      urls.push(binding.url, ...proxyUrls([binding.proxy]));
      continue;
    }
    for (const [name, value] of Object.entries(binding.env)) if (isCredentialName(name)) values.add(value);
  }
  urls.push(...harpoon.targets.flatMap((target) => target.kind === "url" ? [target.url] : []));
  for (const proxy of [environmentProxies.httpProxy, environmentProxies.httpsProxy]) {
    if (proxy !== undefined) urls.push(proxy.value.includes("://") ? proxy.value : `http://${proxy.value}`);
  }
  for (const url of urls) {
    if (!URL.canParse(url)) continue; // an environment proxy that nobody can use
    const { username, password, search } = new URL(url);
    values.add(search.slice(1));
    for (const text of [username, password]) {
      values.add(text);
      values.add(unescaped(text));
    }
  }
  return [...values].filter((value) => value.length >= MIN_SECRET_LENGTH).sort((a, b) => b.length - a.length);
}

function proxyUrls(proxies: readonly ProxyChoice[]): readonly string[] {
  return proxies.flatMap((proxy) => proxy.kind === "explicit" ? [proxy.url] : []);
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
