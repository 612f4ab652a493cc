import { InvalidValueError } from "./invalid_value.ts";
import { hasPassword, warnLiteralSecret } from "./literal_secret.ts";
import type { EnvironmentProxies, EnvironmentValue, ProxyChoice } from "./network_config.ts";
import { quote, quoteUrl } from "./quote.ts";
import { lookUp, type ReferenceSources } from "./references.ts";
import type { SettingReader } from "./setting_reader.ts";
import { settingOf } from "./settings.ts";

/** The settings that hold a proxy. */
export type ProxySetting =
  | "http-proxy"
  | "control-plane.http-proxy"
  | "mcp.http-proxy"
  | "harpoon.http-proxy";

export const ENVIRONMENT_PROXY: ProxyChoice = { kind: "environment" };

/** The proxy that a setting names; undefined when it names none, or a wrong one, which has then been reported. */
export function readProxy(
  reader: SettingReader,
  name: ProxySetting,
  references: Pick<ReferenceSources, "env">,
): ProxyChoice | undefined {
  const found = reader.find(name);
  if (found === undefined) return undefined;
  const text = found.texts[0] ?? "";
  try {
    if (text.trim() === "") throw new InvalidValueError("a value is required", PROXY_FORM);
    const proxy = parseProxy(text, references, found.source === "flag" ? name : settingOf(name).env);
    if (found.at !== undefined && proxy.kind === "explicit" && isLiteral(text) && hasPassword(proxy.url)) {
      warnLiteralSecret(reader, name, `the password in ${found.key}`, found.at);
    }
    return proxy;
  } catch (error) {
    reader.reportUnusable(name, found, "invalid_value", error);
    return undefined;
  }
}

const PROXY_FORM = "use http://host:port, https://host:port or env:NAME";

/** True when the text is the proxy itself and no reference. */
export function isLiteral(text: string): boolean {
  return !text.trim().startsWith("env:");
}

/**
 * Reads a proxy URL or `env:NAME` (CFG-58).
 * @param literalSource label of a URL that stands there itself (CFG-60)
 * @throws {InvalidValueError} whose text holds no user info
 */
export function parseProxy(
  text: string,
  { env }: Pick<ReferenceSources, "env">,
  literalSource: string,
): ProxyChoice {
  const trimmed = text.trim();
  if (isLiteral(trimmed)) {
    checkProxyUrl(trimmed);
    return { kind: "explicit", url: trimmed, source: literalSource };
  }
  const variable = trimmed.slice("env:".length).trim();
  if (variable === "") throw new InvalidValueError("missing variable name after env:", PROXY_FORM);
  const value = lookUp(env, variable)?.trim();
  if (value === undefined) {
    throw new InvalidValueError(
      `environment variable ${variable} (env:${variable}) is not set`,
      `set ${variable}`,
    );
  }
  if (value === "") {
    throw new InvalidValueError(
      `environment variable ${variable} (env:${variable}) is empty`,
      `set ${variable}`,
    );
  }
  try {
    checkProxyUrl(value);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new InvalidValueError(`environment variable ${variable}: ${error.problem}`, error.valid);
  }
  return { kind: "explicit", url: value, source: `env:${variable}` };
}

function checkProxyUrl(url: string): void {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1];
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(url)?.[1];
  if (scheme === undefined || authority === undefined) {
    // Before the colon may be a user, behind it a password.
    const shown = url.includes("@") ? "the value" : quoteUrl(url);
    throw new InvalidValueError(`${shown} is no proxy URL: it needs both a scheme and a host`, PROXY_FORM);
  }
  if (!/^https?$/i.test(scheme)) {
    throw new InvalidValueError(`proxy scheme ${quote(scheme)} is not supported`, PROXY_FORM);
  }
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  if (host === "" || host.startsWith(":")) {
    throw new InvalidValueError("a proxy URL needs both a scheme and a host", PROXY_FORM);
  }
  if (!URL.canParse(url) || /[\s\\]/.test(authority)) {
    throw new InvalidValueError(`${quoteUrl(url)} is not a valid URL`, PROXY_FORM);
  }
}

/** The conventional variables, upper case first, empty ones as if absent (CFG-61). */
export function readEnvironmentProxies(env: Readonly<Record<string, string>>): EnvironmentProxies {
  const first = (...names: readonly string[]): EnvironmentValue | undefined => {
    const variable = names.find((name) => (lookUp(env, name) ?? "").trim() !== "");
    return variable === undefined ? undefined : { value: (lookUp(env, variable) ?? "").trim(), variable };
  };
  return {
    httpProxy: first("HTTP_PROXY", "http_proxy"),
    httpsProxy: first("HTTPS_PROXY", "https_proxy"),
    noProxy: first("NO_PROXY", "no_proxy"),
    isCgi: (lookUp(env, "REQUEST_METHOD") ?? "") !== "",
  };
}
