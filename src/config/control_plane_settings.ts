import { readCertificate } from "./certificates.ts";
import { canonicalChannelName } from "./channel_name.ts";
import { formatDuration } from "./duration.ts";
import { readHeaders } from "./headers.ts";
import { checkHttpUrl } from "./http_url.ts";
import { InvalidValueError } from "./invalid_value.ts";
import { warnLiteralSecret } from "./literal_secret.ts";
import type { ProxyChoice } from "./network_config.ts";
import { ENVIRONMENT_PROXY, readProxy } from "./proxies.ts";
import { quote, quoteUrl } from "./quote.ts";
import {
  lookUp,
  parseExactReference,
  parseReference,
  readReferencedFile,
  type ReferenceSources,
} from "./references.ts";
import type { ControlPlaneConfig } from "./run_config.ts";
import { nameOf, type SettingReader } from "./setting_reader.ts";
import type { Found } from "./sources.ts";
import { parseUrlPath, shownUrlPath } from "./url_path.ts";

/** Bounds of the retry delay; nobody can set them from outside (CFG-54, P-51). */
const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 10_000;
/** Poll timeout and guardrail together may not be longer (CFG-50). */
const MAX_POLL_DEADLINE_MS = 600_000;

const TUNNELS_PAGE = "https://platform.openai.com/settings/organization/tunnels";
const API_KEYS_PAGE = "https://platform.openai.com/settings/organization/api-keys";

/** Reads the control-plane settings in the order of CFG-108. */
export function readControlPlane(
  reader: SettingReader,
  references: ReferenceSources,
  globalProxy: ProxyChoice | undefined,
): ControlPlaneConfig {
  const clientCertificate = readCertificate(reader, "control-plane", references);
  const configuredUrl = readBaseUrl(reader);
  const baseUrl = clientCertificate === undefined ? configuredUrl : mtlsUrl(configuredUrl);
  const urlPath = readUrlPath(reader);
  const tunnelId = readTunnelId(reader);
  const organizationId = readOrganizationId(reader);
  const maxInflight = reader.integer("control-plane.max-inflight");
  const pollTimeoutMs = reader.durationMs("control-plane.poll-timeout");
  const initialPollTimeoutMs = reader.durationMs("control-plane.initial-poll-timeout");
  const pollDeadlineGuardrailMs = reader.durationMs("control-plane.poll-deadline-guardrail");
  checkPollDeadline(reader, pollTimeoutMs + pollDeadlineGuardrailMs);
  const pollChannels = readPollChannels(reader);
  const apiKey = readApiKey(reader, references);
  const proxy = readProxy(reader, "control-plane.http-proxy", references) ?? globalProxy ?? ENVIRONMENT_PROXY;
  const extraHeaders = readHeaders(reader, "control-plane.extra-headers", references);
  return {
    baseUrl,
    urlPath,
    tunnelId,
    organizationId,
    apiKey,
    maxInflight,
    pollTimeoutMs,
    initialPollTimeoutMs,
    pollDeadlineGuardrailMs,
    pollChannels,
    extraHeaders,
    backoffMinMs: BACKOFF_MIN_MS,
    backoffMaxMs: BACKOFF_MAX_MS,
    proxy,
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    ...readSocket(references),
  };
}

/** Only read from the environment: a hook for integration tests (CFG-54). */
const SOCKET_VARIABLE = "TUNNEL_INTEGRATION_TUNNEL_SERVICE_SOCKET_PATH";

function readSocket({ env }: Pick<ReferenceSources, "env">): { readonly unixSocket?: string } {
  const unixSocket = (lookUp(env, SOCKET_VARIABLE) ?? "").trim();
  return unixSocket === "" ? {} : { unixSocket };
}

/** The published service takes client certificates on a host of its own; only this exact URL is meant (CFG-44). */
function mtlsUrl(baseUrl: string): string {
  return baseUrl.trim().replace(/\/+$/, "") === "https://api.openai.com"
    ? "https://mtls.api.openai.com"
    : baseUrl;
}

function readBaseUrl(reader: SettingReader): string {
  const name = "control-plane.base-url";
  const found = reader.find(name);
  const url = reader.text(name);
  try {
    checkHttpUrl(url);
  } catch (error) {
    if (!(error instanceof InvalidValueError) || found === undefined) throw error;
    const message = `invalid ${name} ${quoteUrl(url)} (${nameOf(found)}): ${error.problem}`;
    reader.report(name, found, {
      code: "invalid_value",
      message,
      suggestion: "use the host root, such as https://api.openai.com",
    });
  }
  return url;
}

/** @returns percent-encoded, without a slash at the end; empty for none (CFG-45) */
function readUrlPath(reader: SettingReader): string {
  const name = "control-plane.url-path";
  const found = reader.find(name);
  if (found === undefined) return "";
  const text = reader.text(name);
  try {
    return parseUrlPath(text);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    reader.report(name, found, {
      code: "invalid_value",
      message: `invalid ${name} ${shownUrlPath(text)} (${nameOf(found)}): ${error.problem}`,
      suggestion: error.valid,
    });
    return "";
  }
}

function readTunnelId(reader: SettingReader): string {
  const name = "control-plane.tunnel-id";
  const found = reader.find(name);
  const tunnelId = reader.text(name).trim();
  if (found === undefined || tunnelId === "") {
    const which = found === undefined ? "" : ` (${nameOf(found)} is empty)`;
    reader.report(name, found, {
      code: "required",
      message: `tunnel ID is required${which}: set --${name} or CONTROL_PLANE_TUNNEL_ID`,
      suggestion:
        `create or look up a tunnel at ${TUNNELS_PAGE}, or try the tunnel without one: tunnel-client demo`,
    });
  } else if (/[/\\?#%\s]/.test(tunnelId) || tunnelId === "." || tunnelId === "..") {
    reader.report(name, found, {
      code: "invalid_value",
      message: `invalid tunnel ID ${quote(tunnelId)} (${
        nameOf(found)
      }): it cannot be used as a path parameter`,
      suggestion: "use the bare id, tunnel_ and 32 lower-case letters or digits",
    });
  } else if (!/^tunnel_[a-z0-9]{32}$/.test(tunnelId)) {
    reader.report(name, found, {
      code: "invalid_value",
      message: `invalid tunnel ID ${quote(tunnelId)} (${nameOf(found)})`,
      suggestion: "use tunnel_ and 32 lower-case letters or digits",
    });
  }
  return tunnelId;
}

function readOrganizationId(reader: SettingReader): string {
  const name = "control-plane.organization-id";
  const found = reader.find(name);
  const organizationId = reader.text(name).trim();
  // deno-lint-ignore no-control-regex
  if (found !== undefined && /[\u0000-\u0008\u000a-\u001f\u007f]/.test(organizationId)) {
    reader.report(name, found, {
      code: "invalid_value",
      message: `invalid --${name} ${quote(organizationId)} (${
        nameOf(found)
      }): line breaks are not allowed in it`,
      suggestion: "use the bare id, such as org-abc",
    });
  }
  return organizationId;
}

/** @param deadlineMs NaN when one of the two was wrong by itself */
function checkPollDeadline(reader: SettingReader, deadlineMs: number): void {
  if (!(deadlineMs > MAX_POLL_DEADLINE_MS)) return;
  const timeout = reader.find("control-plane.poll-timeout");
  const guardrail = reader.find("control-plane.poll-deadline-guardrail");
  const sources = [timeout, guardrail].filter((found) => found !== undefined).map(nameOf).join(" and ");
  reader.report(
    timeout === undefined ? "control-plane.poll-deadline-guardrail" : "control-plane.poll-timeout",
    timeout ?? guardrail,
    {
      code: "out_of_range",
      message:
        `control-plane.poll-timeout plus control-plane.poll-deadline-guardrail must be less than or equal to ` +
        `${formatDuration(MAX_POLL_DEADLINE_MS)}: they add up to ${formatDuration(deadlineMs)} (${sources})`,
      suggestion: "lower the poll timeout",
    },
  );
}

function readPollChannels(reader: SettingReader): readonly string[] | undefined {
  const name = "control-plane.poll-channel";
  const found = reader.find(name);
  if (found === undefined) return undefined;
  const complain = (message: string, suggestion: string) =>
    reader.report(name, found, {
      code: "invalid_value",
      message: `${name} (${nameOf(found)}) ${message}`,
      suggestion,
    });
  if (found.texts.length === 0) complain("needs at least one channel", "name a channel, such as main");
  const channels = new Set<string>();
  for (const text of found.texts) {
    if (text.trim() === "") {
      complain(
        "contains an empty channel",
        "name channels such as main, separated by single commas in the variable",
      );
      continue;
    }
    let canonical: string;
    try {
      canonical = canonicalChannelName(text);
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error;
      complain(`contains ${quote(text)}, which is ${error.problem}`, error.valid);
      continue;
    }
    if (canonical !== text) {
      complain(`contains ${quote(text)}, which is not canonical`, `write ${quote(canonical)}`);
    } else if (channels.has(canonical)) {
      complain(`contains ${quote(canonical)} more than once`, "name each channel once");
    }
    channels.add(canonical);
  }
  return [...channels].sort();
}

function readApiKey(reader: SettingReader, references: ReferenceSources): string {
  const name = "control-plane.api-key";
  const found = reader.find(name);
  const inFile = reader.writtenInFile(name);
  // Also where a variable overrides it: whoever reads the file has it.
  if (inFile !== undefined && parseReference(inFile.text.trim()) === undefined) {
    warnLiteralSecret(reader, name, "the control plane API key", inFile.at);
  }
  const key = found?.source === "flag" ? followReference(reader, found, references) : found?.texts[0] ?? "";
  if (key === undefined) return "";
  if (key === "") {
    const which = found === undefined ? "" : ` (${nameOf(found)} is empty)`;
    reader.report(name, found, {
      code: "required",
      message: `control plane API key is required${which}: set CONTROL_PLANE_API_KEY or OPENAI_API_KEY, ` +
        `or pass --${name} env:NAME or file:/path`,
      suggestion: `create a restricted key at ${API_KEYS_PAGE}`,
    });
  } else if (found !== undefined && !/^[0-9A-Za-z_-]+$/.test(key)) {
    reader.report(name, found, {
      code: "invalid_value",
      message: `control plane API key from ${nameOf(found)} is malformed`,
      suggestion: "it must consist of letters, digits, _ and -, without spaces or line breaks around it",
    });
  }
  return key;
}

/** @returns undefined after a mistake, which has then been reported */
function followReference(
  reader: SettingReader,
  found: Found,
  { env, readTextFile }: ReferenceSources,
): string | undefined {
  const complain = (message: string) => {
    reader.report("control-plane.api-key", found, {
      code: "invalid_reference",
      message: `${nameOf(found)}: ${message}`,
      suggestion: "use env:NAME or file:/path",
    });
    return undefined;
  };
  const reference = parseExactReference(found.texts[0] ?? "");
  if (reference === undefined) {
    return complain("a key must not stand on the command line, only env: or file:");
  }
  const { kind, target } = reference;
  if (kind === "env") {
    if (target === "") return complain("missing variable name after env:");
    const value = lookUp(env, target);
    if (value === undefined) return complain(`environment variable ${target} is not set`);
    return value === "" ? complain(`environment variable ${target} is empty`) : value;
  }
  if (target === "") return complain("missing path after file:");
  const file = readReferencedFile(target, readTextFile);
  if ("failure" in file) return complain(`read control-plane api key file ${quote(target)}: ${file.failure}`);
  const key = file.content.trim();
  return key === "" ? complain(`control-plane api key file ${quote(target)} is empty`) : key;
}
